/** What reconcile sees of the open runs on its way: how many, how old, and what they hold in Batch. */
import { epochMs } from '../../shared/clock.ts'
import { isOpen } from '../../shared/lifecycle.ts'
import type { Measurement } from '../../shared/metrics.ts'
import type { Job } from '../../shared/ports.ts'
import type { RunRecord } from '../../shared/records.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'

export interface Gauges {
  oldestMs: number
  runs: Map<string, number>
  /** Children by status of Batch. */
  children: Map<string, number>
  vcpus: number
}

export const noGauges = (): Gauges => ({ oldestMs: 0, runs: new Map(), children: new Map(), vcpus: 0 })

const count = (counts: Map<string, number>, name: string, more: number): void =>
  void counts.set(name, (counts.get(name) ?? 0) + more)

/** Of a run that a person has retried, what counts is how long it has not moved. */
export function gaugeRun(gauges: Gauges, run: RunRecord, now: number): void {
  if (!isOpen(run.state)) return
  const since = run.forgivenRound === undefined ? run.createdAt : run.updatedAt
  gauges.oldestMs = Math.max(gauges.oldestMs, now - epochMs(since))
  count(gauges.runs, run.state, 1)
}

/** vCPUs as the run's pipeline asks for now. */
export function gaugeJobs(
  world: Pick<World, 'clock' | 'pipelines'>,
  gauges: Gauges,
  { pipeline }: RunRecord,
  jobs: readonly Job[],
): void {
  const vcpus = world.pipelines.find(({ name }) => name === pipeline)?.job.vcpus ?? 1
  for (const { status, statusSummary = { [status]: 1 } } of jobs) {
    for (const [name, children] of Object.entries(statusSummary)) {
      if (children > 0) count(gauges.children, name, children)
      if (name === JobStatus.STARTING || name === JobStatus.RUNNING) gauges.vcpus += children * vcpus
    }
  }
}

/** Nothing but the heartbeat where no run is open: a metric without values costs nothing. */
export function measureGauges({ measure }: Pick<World, 'measure'>, gauges: Gauges): void {
  const { oldestMs, runs, children, vcpus } = gauges
  const measurements: Measurement[] = [{ metric: 'Reconciled', value: 1 }]
  if (runs.size > 0) measurements.push({ metric: 'OldestOpenRunAge', value: Math.round(oldestMs / 1000) })
  for (const [state, value] of runs) measurements.push({ metric: 'OpenRuns', value, labels: { state } })
  for (const [status, value] of children) {
    measurements.push({ metric: 'PartitionsInBatch', value, labels: { status } })
  }
  if (vcpus > 0) measurements.push({ metric: 'VcpusInUse', value: vcpus })
  for (const measurement of measurements) measure?.(measurement)
}
