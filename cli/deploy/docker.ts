/** Builds and pushes the worker's image with this machine's Docker. */
import { MillraceError } from '../../shared/errors.ts'
import { dockerfile } from './image-files.ts'
import type { Parts } from './parts.ts'
import { firstWords, lastWords, type Ran, run } from './programs.ts'
import type { Registry } from './registry.ts'

/** Docker's own builder cannot make an image of several platforms. */
const builderName = 'millrace'

export interface Build {
  /** `<host>/<name>` */
  repositoryUri: string
  tag: string
  platforms: readonly string[]
}

/** Errors: REQUEST_REFUSED, with what Docker said last; all of it went to standard error. */
export async function buildWithDocker(parts: Parts, registry: Registry, build: Build): Promise<void> {
  const { repositoryUri, tag, platforms } = build
  await docker(parts, ['login', '--username', 'AWS', '--password-stdin', registry.host], {
    input: registry.password,
  })
  await docker(
    parts,
    [
      'buildx',
      'build',
      ...(await builderOf(parts, platforms)),
      '--platform',
      platforms.join(','),
      '--file',
      dockerfile,
      '--tag',
      `${repositoryUri}:${tag}`,
      '--provenance=false',
      '--push',
      '.',
    ],
    { aloud: true },
  )
}

async function builderOf(parts: Parts, platforms: readonly string[]): Promise<string[]> {
  if (platforms.length === 1) return []
  const there = await call(parts, ['buildx', 'inspect', builderName])
  if (there.code !== 0)
    await docker(parts, ['buildx', 'create', '--name', builderName, '--driver', 'docker-container'])
  return ['--builder', builderName]
}

/** Whether Docker can build here: `undefined`, or what is missing. */
export async function dockerFault(parts: Parts): Promise<{ fault: string; remedy: string } | undefined> {
  const without = 'or deploy with `--builder codebuild`, which builds the image in your account.'
  const plugin = await call(parts, ['buildx', 'version'])
  if (plugin.code !== 0) {
    return {
      fault: `Docker with buildx is not here: ${firstWords(plugin)}`,
      remedy: `Install Docker 23 or later, ${without}`,
    }
  }
  const daemon = await call(parts, ['info', '--format', '{{.ServerVersion}}'])
  if (daemon.code === 0) return undefined
  return { fault: `Docker does not answer: ${lastWords(daemon)}`, remedy: `Start it, ${without}` }
}

async function docker(
  parts: Parts,
  args: readonly string[],
  how: { input?: string; aloud?: boolean } = {},
): Promise<void> {
  const ran = await call(parts, args, how)
  if (ran.code === 0) return
  const words = how.aloud ? `exit ${ran.code}; its last words are above` : lastWords(ran)
  throw new MillraceError('REQUEST_REFUSED', `docker ${args.slice(0, 2).join(' ')} failed: ${words}`)
}

function call(
  { root, env }: Parts,
  args: readonly string[],
  how: { input?: string; aloud?: boolean } = {},
): Promise<Ran> {
  return run({ program: 'docker', args, cwd: root, env, ...how })
}
