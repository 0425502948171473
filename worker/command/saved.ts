/** Saved checkpoint folders in the state bucket: each attempt has its own, and its manifest is written last. */
import { isDeepStrictEqual } from 'node:util'
import { type Assignment, type Position, stateKeys } from '../../shared/documents.ts'
import { fetchJson } from '../assignment.ts'
import type { Attempt } from '../attempt.ts'

/** The records that it belongs to: those of another range are others. */
export type WorkedRange = Pick<Assignment, 'start' | 'end' | 'exactStart' | 'exactWithin'> & {
  endWithin?: number
}

export interface SavedFile {
  /** In the folder, with `/` between its parts. */
  path: string
  bytes: number
  /** Its object is named by it. */
  sha256: string
}

export interface Manifest {
  range: WorkedRange
  files: SavedFile[]
}

type Place = Pick<Attempt, 'objects' | 'buckets' | 'run' | 'assignment' | 'fence'>

const manifestName = 'manifest.json'
/** Each lists 1,000 objects: as many attempts, with as many files as a checkpoint may have. */
const pagesMax = 100

/** @param until where the reader has left off */
export const rangeOf = (
  { start, end, exactStart, exactWithin }: Assignment,
  until?: Position,
): WorkedRange => ({
  start,
  end: until?.at ?? end,
  ...(until?.within ? { endWithin: until.within } : {}),
  ...(exactStart === undefined ? {} : { exactStart }),
  ...(exactWithin === undefined ? {} : { exactWithin }),
})

/** Of this attempt. */
export function savedKey({ run, assignment, fence }: Place, name = manifestName): string {
  return `${stateKeys.checkpoints(run.runId, assignment.partition)}${fence}/${name}`
}

/** The newest that an earlier attempt has saved whole, of this very range. Errors: those of listing and reading. */
export async function newestSaved(
  place: Place,
  range: WorkedRange,
): Promise<{ fence: number; manifest: Manifest } | undefined> {
  const { objects, buckets, fence: own } = place
  const fences = (await savedKeys(place))
    .filter(key => key.endsWith(`/${manifestName}`))
    .map(key => Number(key.split('/').at(-2)))
    .filter(fence => fence < own)
  const fence = fences.reduce((newest, each) => Math.max(newest, each), 0)
  if (fence === 0) return undefined
  const manifest = await fetchJson<Manifest>(objects, buckets.state, savedKey({ ...place, fence }))
  return isDeepStrictEqual(manifest.range, range) ? { fence, manifest } : undefined
}

/** Of all attempts at the partition. */
export async function savedKeys({ objects, buckets, run, assignment }: Place): Promise<string[]> {
  const prefix = stateKeys.checkpoints(run.runId, assignment.partition)
  const keys: string[] = []
  let after: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const listed = await objects.list(buckets.state, prefix, after)
    keys.push(...listed.objects.map(({ key }) => key))
    after = listed.next
    if (after === undefined) break
  }
  return keys
}
