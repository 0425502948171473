/** Who may wish that an attempt leaves off, asked from time to time while it works. */
import type { Clock } from '../../shared/ports.ts'
import { fromItem, type PartitionRecord, recordKeys } from '../../shared/records.ts'
import type { Held } from '../claim.ts'
import type { WorkerLog } from '../log.ts'
import type { Leave } from './leave.ts'
import type { Answer } from './metadata.ts'

/** AWS advises 5 s: two minutes are left from the notice on. */
const askEveryMs = 5_000
/** Short attempts are over before. */
const firstAskMs = 1_000
const askFailuresMax = 3
const lookEveryMs = 30_000
/** No attempt lives so long. */
const looksMax = 10_000_000

export interface Watched {
  held: Held
  fence: number
  leave: Leave
  log: WorkerLog
  /** Of the instance metadata service, or of what stands in for it; absent: it is not asked. */
  metadataUrl?: string | undefined
}

/** Returns the way to end it. */
export function watch(watched: Watched): () => void {
  const over = new AbortController()
  const { leave, log, metadataUrl } = watched
  void leave.asked.then(why => over.signal.aborted || log.warn('asked to leave off', { why }))
  void watchRecord(watched, over.signal)
  if (metadataUrl !== undefined) void watchMachine(watched, metadataUrl, over.signal)
  return () => over.abort()
}

/** A look that fails is made up for by the next one. */
async function watchRecord({ held, fence, leave }: Watched, over: AbortSignal): Promise<void> {
  const key = recordKeys.partition(held.child.runId, held.partition)
  for (let looks = 0; looks < looksMax; looks++) {
    if (!(await goesOn(held.clock, lookEveryMs, leave, over))) return
    const item = await held.records.get(key).catch(() => undefined)
    if (item && fromItem<PartitionRecord>(item).askedToYield === fence && !over.aborted) leave.ask('asked')
  }
}

async function watchMachine(
  { held, leave, log }: Watched,
  metadataUrl: string,
  over: AbortSignal,
): Promise<void> {
  let failures = 0
  let answer: Answer | undefined
  for (let asks = 0; asks < looksMax; asks++) {
    if (!(await goesOn(held.clock, asks === 0 ? firstAskMs : askEveryMs, leave, over))) return
    const { askForNotice } = await import('./metadata.ts')
    answer = await askForNotice(metadataUrl, answer?.token)
    failures = answer.fault === undefined ? 0 : failures + 1
    if (answer.notice && !over.aborted) leave.ask('notice')
    if (failures < askFailuresMax) continue
    log.info('Spot notices are not looked for any more', { metadataUrl, because: answer.fault })
    return
  }
}

async function goesOn(clock: Clock, ms: number, leave: Leave, over: AbortSignal): Promise<boolean> {
  await clock.sleep(ms, over)
  return !over.aborted && leave.why === undefined
}
