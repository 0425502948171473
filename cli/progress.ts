/** A run while it goes on: its stage, partitions by state, records, bytes, ETA. */
import { styleText } from 'node:util'
import { createLogUpdate } from 'log-update'
import { runDocument } from '../functions/steps/documents.ts'
import { partitionsOf } from '../functions/steps/gather.ts'
import { epochMs } from '../shared/clock.ts'
import { isOpen } from '../shared/lifecycle.ts'
import type { PartitionRecord, RunRecord } from '../shared/records.ts'
import { stageOf, taskCount } from '../shared/stages.ts'
import { PartitionState, RunState, Stage } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { loadRunRecord } from './report.ts'
import type { OpenStage } from './stage.ts'
import { bytesText, countText, durationText } from './words.ts'

const pollMs = { local: 250, aws: 3000 } as const
/** Where lines cannot be rewritten, one is enough every so often. */
const plainEveryMs = 2000
const barCells = 24
const stageWords = { split: ', splitting', work: '', merge: ', merging' } as const

export interface Snapshot {
  run: RunRecord
  /** Tasks of the run's stage. */
  byState: Record<PartitionState, number>
  records: number
  rejected: number
  bytesDone: number
  /** Of the source; of what is in it, where it was split, or where it is a list. */
  bytes: number
  elapsedMs: number
}

/** Slack is told after the run has ended; it answers within seconds or not at all. */
const toldWithinMs = 15_000

/**
 * Follows a run until it is no longer open; with a stack of our own, until people were told too. Shows nothing where
 * `quiet`; rewrites one line on a terminal, else adds one every two seconds if it differs from the one before.
 */
export async function followRun(
  world: World,
  runId: string,
  quiet: boolean,
  { stack, keepUp }: Partial<Pick<OpenStage, 'stack' | 'keepUp'>> = {},
): Promise<RunRecord> {
  const show = quiet ? undefined : display(world)
  const everyMs = world.config.stage === 'local' ? pollMs.local : pollMs.aws
  for (;;) {
    await keepUp?.()
    const run = await loadRunRecord(world, runId)
    if (show) show.update(await snapshot(world, run))
    if (!isOpen(run.state)) {
      show?.done()
      return stack ? untilTold(world, run) : run
    }
    await world.clock.sleep(everyMs)
  }
}

/** What is not told by then is kept in its queue for the next stack. */
async function untilTold(world: World, ended: RunRecord): Promise<RunRecord> {
  const deadline = world.clock.now() + toldWithinMs
  let run = ended
  while (run.told === undefined && world.clock.now() < deadline) {
    await world.clock.sleep(50)
    run = await loadRunRecord(world, run.runId)
  }
  return run
}

export async function snapshot(world: World, run: RunRecord): Promise<Snapshot> {
  const stage = stageOf(run)
  const partitions = await partitionsOf(world, run)
  const tasks = stage === Stage.work ? partitions : await partitionsOf(world, run, stage)
  const of = (state: PartitionState): PartitionRecord[] => tasks.filter(record => record.state === state)
  const byState = {
    [PartitionState.PLANNED]: taskCount(run, stage) - tasks.length,
    [PartitionState.RUNNING]: of(PartitionState.RUNNING).length,
    [PartitionState.SUCCEEDED]: of(PartitionState.SUCCEEDED).length,
    [PartitionState.FAILED]: of(PartitionState.FAILED).length,
  }
  const reports = partitions.flatMap(({ report }) => report ?? [])
  const ranges = reports.reduce((sum, { range }) => sum + (range ? range.end - range.start : 0), 0)
  const extent = await extentOf(world, run)
  return {
    run,
    byState,
    records: reports.reduce((sum, { recordsRead }) => sum + recordsRead, 0),
    rejected: reports.reduce((sum, { recordsRejected }) => sum + recordsRejected, 0),
    bytesDone: ranges * extent.bytesPerUnit,
    bytes: extent.bytes,
    elapsedMs: world.clock.now() - epochMs(run.createdAt),
  }
}

/** What the partitions tile, in bytes: row groups are taken for equally large. */
async function extentOf(world: World, run: RunRecord): Promise<{ bytes: number; bytesPerUnit: number }> {
  const { bytes } = run.source
  if (run.round === 0) return { bytes, bytesPerUnit: 1 }
  const { layout, dataEnd } = await runDocument(world, run)
  if (layout.space === 'rowGroups') return { bytes, bytesPerUnit: bytes / Math.max(dataEnd, 1) }
  return { bytes: dataEnd, bytesPerUnit: 1 }
}

/** One line. ETA assumes that what is left goes as fast as what is done. */
export function progressText(shown: Snapshot): string {
  const { run, byState, records, rejected, bytesDone, bytes, elapsedMs } = shown
  const whole = bytes === 0 || run.state === RunState.SUCCEEDED
  const done = whole ? 1 : Math.min(bytesDone / bytes, 1)
  const bar = '█'.repeat(Math.round(done * barCells)).padEnd(barCells, '░')
  const states = Object.entries(byState)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state.toLowerCase()}`)
  const eta = isOpen(run.state) && done > 0 ? `, ETA ${durationText((elapsedMs / done) * (1 - done))}` : ''
  const speed = elapsedMs > 0 ? `${bytesText((bytesDone / elapsedMs) * 1000)}/s` : ''
  return [
    `${bar} ${Math.floor(done * 100)}%`,
    roundText(run),
    states.join(', '),
    `${countText(records)} records${rejected > 0 ? ` (${countText(rejected)} rejected)` : ''}`,
    `${bytesText(bytesDone)} of ${bytesText(bytes)}, ${speed}${eta}`,
  ]
    .filter(part => part !== '')
    .join(' · ')
}

function roundText(run: RunRecord): string {
  if (run.round === 0) return run.state.toLowerCase()
  const waiting = run.state === RunState.WAITING ? ', waiting for its time' : ''
  return `round ${run.round}${stageWords[stageOf(run)]}${waiting}`
}

function display(world: World): { update: (snapshot: Snapshot) => void; done: () => void } {
  const terminal = process.stderr.isTTY === true
  const rewrite = createLogUpdate(process.stderr)
  let saidAt = -plainEveryMs
  let last = ''
  let said = ''
  const say = (): void => {
    if (last === said) return
    said = last
    saidAt = world.clock.now()
    process.stderr.write(`${last}\n`)
  }
  const update = (shown: Snapshot): void => {
    last = progressText(shown)
    if (terminal) rewrite(styleText('cyan', last))
    else if (world.clock.now() - saidAt >= plainEveryMs) say()
  }
  const done = (): void => {
    if (terminal) rewrite.done()
    else say()
  }
  return { update, done }
}
