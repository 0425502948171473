/** What can be replayed of the records that a run rejected, and what is said of the rest. */
import { partitionsOf } from '../functions/steps/gather.ts'
import type { RunDocument } from '../shared/documents.ts'
import { MillraceError } from '../shared/errors.ts'
import type { RunRecord } from '../shared/records.ts'
import type { World } from '../shared/world.ts'
import { type LostReject, RejectFiles, type ReplayFile } from './reject-files.ts'
import { nameOf, RejectSource } from './reject-source.ts'
import { placeText, rejectKeys, rejectsIn } from './rejects.ts'
import { bytesText, countOf } from './words.ts'

const lostShownMax = 20

export interface Gathered {
  files: ReplayFile[]
  records: number
  lost: number
  /** The first of them. */
  lostShown: LostReject[]
}

/** Errors: NOT_ALLOWED where there is nothing, and those of reading. */
export async function gather(
  world: World,
  run: RunRecord,
  document: RunDocument,
  dir: string,
): Promise<Gathered> {
  const documents = rejectKeys(await partitionsOf(world, run))
  const names = new Set<string>()
  for (const key of documents) for await (const reject of rejectsIn(world, key)) names.add(nameOf(reject))
  if (names.size === 0) throw new MillraceError('NOT_ALLOWED', `Run ${run.runId} has rejected no record`)
  const source = await RejectSource.open(world.objects, document, names)
  const lostShown: LostReject[] = []
  let [found, lost] = [0, 0]
  const files = new RejectFiles(document, source, dir, one => {
    if (++lost <= lostShownMax) lostShown.push(one)
  })
  try {
    for (const key of documents) {
      for await (const reject of rejectsIn(world, key)) {
        found++
        await files.add(reject)
      }
    }
  } finally {
    files.close()
  }
  return { files: files.written(), records: found - lost, lost, lostShown }
}

/** Errors: NOT_ALLOWED. */
export function refuseLost({ lost, lostShown, files }: Gathered, { partial }: { partial: boolean }): void {
  if (lost === 0 || (partial && files.length > 0)) return
  const words = `${countOf(lost, 'record')} cannot be replayed:\n${lostText(lost, lostShown)}`
  const remedy = files.length === 0 ? '' : ' Replay the others with --partial.'
  throw new MillraceError('NOT_ALLOWED', words, {
    remedy: `Take those from their places in the source, or from \`millrace reject list\`.${remedy}`,
  })
}

function lostText(lost: number, shown: readonly LostReject[]): string {
  const lines = shown.map(({ reject, why }) => `  ${placeText(reject)}: ${why}`)
  return [...lines, ...(lost > shown.length ? [`  and ${lost - shown.length} more`] : [])].join('\n')
}

export function sayPlan(
  { files, records, lost, lostShown }: Gathered,
  keys: string[],
  json: boolean,
): number {
  const drops = files.map((file, at) => ({ key: keys[at], records: file.records, bytes: file.bytes }))
  if (json) process.stdout.write(`${JSON.stringify({ records, lost, lostShown, drops })}\n`)
  else {
    const lines = drops.map(one => `  ${one.key}: ${countOf(one.records, 'record')}, ${bytesText(one.bytes)}`)
    process.stdout.write(`${countOf(records, 'record')} would be dropped\n${lines.join('\n')}\n`)
    if (lost > 0) process.stdout.write(`${countOf(lost, 'record')} could not\n${lostText(lost, lostShown)}\n`)
  }
  return lost === 0 ? 0 : 1
}
