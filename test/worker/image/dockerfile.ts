/** Reads a Dockerfile and its .dockerignore, as far as ours go. */
export interface Instruction {
  word: string
  rest: string
}

export interface Stage {
  image: string
  /** `--platform`, where it is not the target's. */
  platform?: string
  name?: string
  instructions: Instruction[]
}

export interface Copy {
  /** Name of a stage; absent: the build's context. */
  from?: string
  chown?: string
  sources: string[]
  to: string
}

export interface Dockerfile {
  /** Those before the first FROM. */
  args: Record<string, string>
  stages: Stage[]
}

export function parseDockerfile(text: string): Dockerfile {
  const args: Record<string, string> = {}
  const stages: Stage[] = []
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
  for (const line of lines.map(one => one.trim()).filter(Boolean)) {
    const [word = ''] = line.split(' ')
    const rest = line.slice(word.length).trim()
    const stage = stages.at(-1)
    if (word === 'FROM') stages.push(stageOf(rest, args))
    else if (stage) stage.instructions.push({ word, rest })
    else if (word === 'ARG') args[rest.split('=')[0] ?? ''] = rest.slice(rest.indexOf('=') + 1)
    else throw new Error(`${line} stands before any FROM`)
  }
  return { args, stages }
}

function stageOf(rest: string, args: Record<string, string>): Stage {
  const [, platform, image = '', name] = /^(?:--platform=(\S+) )?(\S+)(?: AS (\S+))?$/.exec(rest) ?? []
  return {
    image: image.replace(/\$\{(\w+)\}/g, (_, arg: string) => args[arg] ?? ''),
    ...(platform ? { platform } : {}),
    ...(name ? { name } : {}),
    instructions: [],
  }
}

export const restsOf = (stage: Stage, word: string): string[] =>
  stage.instructions.filter(one => one.word === word).map(({ rest }) => rest)

export function copiesOf(stage: Stage): Copy[] {
  return restsOf(stage, 'COPY').map(rest => {
    const words = rest.split(/\s+/)
    const flags = Object.fromEntries(
      words.filter(word => word.startsWith('--')).map(word => word.slice(2).split('=')),
    )
    const paths = words.filter(word => !word.startsWith('--'))
    return { ...flags, sources: paths.slice(0, -1), to: paths.at(-1) ?? '' }
  })
}

/** `$NAME` is that of the base image. */
export function environmentOf(stage: Stage, base: Record<string, string>): Record<string, string> {
  const pairs = restsOf(stage, 'ENV').flatMap(rest => rest.split(/\s+/))
  return Object.fromEntries(
    pairs.map(pair => {
      const [name = '', value = ''] = pair.split('=')
      return [name, value.replace(/\$(\w+)/g, (_, variable: string) => base[variable] ?? '')]
    }),
  )
}

/** Whether a file of the context is sent to the build: the last line that matches it or a folder of it decides. */
export function isSent(ignore: string, file: string): boolean {
  const parts = file.split('/')
  const upwards = parts.map((_, at) => parts.slice(0, at + 1).join('/'))
  let sent = true
  for (const line of ignore.split('\n').filter(one => one !== '' && !one.startsWith('#'))) {
    const pattern = line.replace(/^!/, '')
    if (upwards.some(one => asRegExp(pattern).test(one))) sent = line.startsWith('!')
  }
  return sent
}

/** Unlike Node's and a shell's, Docker's stars take names that begin with a dot. */
function asRegExp(pattern: string): RegExp {
  if (/\*\*|[?[\]]/.test(pattern)) throw new Error(`${pattern} is more than is understood here`)
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`)
}
