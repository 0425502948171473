/** The files that the worker's image is made of, by what its .dockerignore lets in, and a name for just these. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { MillraceError } from '../../shared/errors.ts'
import { globMatcher } from '../../shared/glob.ts'
import type { Pipeline } from '../../shared/pipeline.ts'

export const dockerfile = 'worker/Dockerfile'

/** Docker's names, by Batch's. */
const platforms = { x86_64: 'linux/amd64', arm64: 'linux/arm64' } as const

export interface ImageFile {
  /** Relative to the checkout, with slashes. */
  name: string
  text: Buffer
}

/** What the stage's own worker has to run on; the shared instances are x86_64 whoever uses them. */
export function platformsOf(pipelines: readonly { job: Pick<Pipeline['job'], 'architecture'> }[]): string[] {
  const used = new Set(['x86_64' as const, ...pipelines.map(({ job }) => job.architecture)])
  return [...used].map(architecture => platforms[architecture]).toSorted()
}

/** In order of their names. Errors: CONFIG_INVALID where the .dockerignore says what is not understood here. */
export async function imageFiles(root: string): Promise<ImageFile[]> {
  const rules = await ignoreRules(root)
  const names = new Set([dockerfile, `${dockerfile}.dockerignore`])
  for (const kept of rules.kept) {
    for (const name of await filesBelow(root, kept)) if (!rules.ignores(name)) names.add(name)
  }
  return Promise.all(
    [...names].toSorted().map(async name => ({ name, text: await readFile(path.join(root, name)) })),
  )
}

/** `worker-` and a hash of files and platforms: the same worker is never built twice. */
export function imageTag(files: readonly ImageFile[], wanted: readonly string[]): string {
  const hash = createHash('sha256').update(wanted.join(','))
  for (const { name, text } of files) hash.update(`\n${name} ${text.length}\n`).update(text)
  return `worker-${hash.digest('hex').slice(0, 20)}`
}

/** Everything is left out, some is let in again, of which some is left out: the one shape that is read. */
async function ignoreRules(root: string): Promise<{ kept: string[]; ignores: (name: string) => boolean }> {
  const file = `${dockerfile}.dockerignore`
  const text = await readFile(path.join(root, file), 'utf8')
  const [first, ...rest] = text.split('\n').filter(line => line.trim() !== '' && !line.startsWith('#'))
  const kept = rest.filter(line => line.startsWith('!')).map(line => line.slice(1))
  const ignored = rest.slice(kept.length)
  if (first !== '*' || kept.length === 0 || [...kept, ...ignored].some(line => /^!|[?[\]\\]/.test(line))) {
    throw new MillraceError(
      'CONFIG_INVALID',
      `${file} is not read here: it is not *, then !names, then names`,
      {
        remedy: 'Keep to that shape, or give an image of your own with --param image=...',
      },
    )
  }
  const matchers = ignored.flatMap(line => [globMatcher(line), globMatcher(`${line}/**`)])
  return { kept, ignores: name => matchers.some(matches => matches(name)) }
}

async function filesBelow(root: string, name: string): Promise<string[]> {
  const entries = await readdir(path.join(root, name), { recursive: true, withFileTypes: true }).catch(
    () => null,
  )
  if (entries === null) return [name]
  return entries
    .filter(entry => entry.isFile())
    .map(entry => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
}
