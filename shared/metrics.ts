/** What is measured: every metric's name, unit and dimensions, once. docs/operations.md explains them. Pure. */
import { type Certificate, officialOutputs, setbacks } from './certificate.ts'
import type { RunHappening } from './lifecycle.ts'
import type { RunRecord } from './records.ts'
import type { RoundFacts, Verdict } from './verdict.ts'
import { RunState } from './vocabulary.ts'

export const metricsNamespace = 'Millrace'
export const metricsService = 'millrace'

type Label = 'pipeline' | 'code' | 'state' | 'status' | 'function'
export type Labels = Partial<Record<Label, string>>

interface MetricKind {
  unit: 'Count' | 'Bytes' | 'Seconds'
  /** Beside service and stage; each list makes a metric of its own, which AWS bills. */
  by: readonly (readonly Label[])[]
}

const ofPipeline = { unit: 'Count', by: [['pipeline']] } as const

export const metricTable = {
  RunsRegistered: ofPipeline,
  RunsSucceeded: ofPipeline,
  RunsFailed: ofPipeline,
  RunsRefused: ofPipeline,
  RunsCancelled: ofPipeline,
  /** Failed or refused, of all pipelines: an alarm cannot search, and pays for each metric that it looks at. */
  RunsNotPublished: { unit: 'Count', by: [[]] },
  RoundsSubmitted: ofPipeline,
  RecordsRead: ofPipeline,
  RecordsPublished: ofPipeline,
  RecordsRejected: ofPipeline,
  BytesRead: { unit: 'Bytes', by: [['pipeline']] },
  BytesPublished: { unit: 'Bytes', by: [['pipeline']] },
  PartitionsRetried: { unit: 'Count', by: [['code']] },
  SpotReclaims: ofPipeline,
  /** An event that a function failed on; a message of a batch is not among Lambda's own Errors. */
  StepFailures: { unit: 'Count', by: [[], ['function']] },
  /** The heartbeat: the only one there is while nothing happens. */
  Reconciled: { unit: 'Count', by: [[]] },
  OldestOpenRunAge: { unit: 'Seconds', by: [[]] },
  OpenRuns: { unit: 'Count', by: [['state']] },
  PartitionsInBatch: { unit: 'Count', by: [['status']] },
  VcpusInUse: { unit: 'Count', by: [[]] },
} as const satisfies Record<string, MetricKind>

export type MetricName = keyof typeof metricTable

export interface Measurement {
  metric: MetricName
  value: number
  labels?: Labels
}

/** What a world may be handed to be told of measurements. Never fails. */
export type Measure = (measurement: Measurement) => void

/** The labels of each metric that a measurement counts in; one that it does not name is `none`. */
export function dimensionsOf({ metric, labels = {} }: Measurement): Record<string, string>[] {
  const { by }: MetricKind = metricTable[metric]
  return by.map(names => Object.fromEntries(names.map(name => [name, labels[name] || 'none'])))
}

const moves: Partial<Record<RunHappening, MetricName>> = {
  submitted: 'RoundsSubmitted',
  published: 'RunsSucceeded',
  gaveUp: 'RunsFailed',
  refused: 'RunsRefused',
  cancelled: 'RunsCancelled',
}

/** A run has moved along its table: whoever moved it, and nobody else, says so. */
export function moveMeasured({ pipeline }: RunRecord, happening: RunHappening): Measurement[] {
  const metric = moves[happening]
  return metric === undefined ? [] : countedRun(metric, pipeline)
}

export function registrationMeasured({ pipeline, state }: RunRecord): Measurement[] {
  const metric = state === RunState.REFUSED ? 'RunsRefused' : 'RunsRegistered'
  return countedRun(metric, pipeline)
}

function countedRun(metric: MetricName, pipeline: string): Measurement[] {
  const counted: Measurement = { metric, value: 1, labels: { pipeline } }
  const lost = metric === 'RunsFailed' || metric === 'RunsRefused'
  return lost ? [counted, { metric: 'RunsNotPublished', value: 1 }] : [counted]
}

/** What a settled round tells: reclaims in it, what is worked again and why, what was published. Zeros are left out. */
export function settledMeasured(facts: RoundFacts, verdict: Verdict): Measurement[] {
  const { run } = facts
  const reclaims = [...facts.partitions, ...(facts.tasks ?? [])]
    .flatMap(setbacks)
    .filter(({ code, round }) => code === 'SPOT_RECLAIMED' && round === run.round)
  const labels = { pipeline: run.pipeline }
  const all: Measurement[] = [
    { metric: 'SpotReclaims', value: reclaims.length, labels },
    ...(verdict.kind === 'again' ? retriedMeasured(facts, verdict) : []),
    ...(verdict.kind === 'publish' ? publishedMeasured(run, verdict.certificate) : []),
  ]
  return all.filter(({ value }) => value > 0)
}

/** By the newest failure of each; a partition that only takes over what another left off is not among them. */
function retriedMeasured(facts: RoundFacts, { assignments }: Verdict & { kind: 'again' }): Measurement[] {
  const again = new Set(assignments.map(({ partition }) => partition))
  const counts = new Map<string, number>()
  for (const { partition, failures } of facts.tasks ?? facts.partitions) {
    const code = failures?.at(-1)?.code
    if (again.has(partition) && code !== undefined) counts.set(code, (counts.get(code) ?? 0) + 1)
  }
  return [...counts].map(([code, value]) => ({ metric: 'PartitionsRetried', value, labels: { code } }))
}

function publishedMeasured(
  { pipeline, source, objects }: RunRecord,
  certificate: Certificate,
): Measurement[] {
  const published = officialOutputs(certificate).reduce((sum, { bytes }) => sum + bytes, 0)
  const values = {
    RecordsRead: certificate.recordsRead,
    RecordsPublished: certificate.recordsWritten,
    RecordsRejected: certificate.recordsRejected,
    BytesRead: objects?.bytes ?? source.bytes,
    BytesPublished: published,
  }
  return Object.entries(values).map(([metric, value]) => ({
    metric: metric as keyof typeof values,
    value,
    labels: { pipeline },
  }))
}
