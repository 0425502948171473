/** Runs, partitions and documents as plain data, for tests of what is decided from them. */

import type { RunDocument } from '../../shared/documents.ts'
import type { FailureCode } from '../../shared/failure.ts'
import { type Pipeline, parsePipeline } from '../../shared/pipeline.ts'
import type { Failure, PartitionRecord, RunRecord } from '../../shared/records.ts'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'

export const runId = `orders_${'a'.repeat(24)}`
export const time = '2026-01-31T12:00:00.000Z'

export function pipelineOf(more: Record<string, unknown> = {}): Pipeline {
  return parsePipeline(
    {
      name: 'orders',
      source: { prefix: 'orders/', format: 'lines' },
      work: { sql: 'SELECT line FROM input' },
      output: { prefix: 'curated/orders/' },
      ...more,
    },
    'orders.ts',
  )
}

/** `partitions` of 100 bytes each, the data beginning at byte 10. */
export function documentOf(partitions: number, pipeline = pipelineOf()): RunDocument {
  const bytes = 10 + partitions * 100
  return {
    runId,
    pipeline,
    source: { bucket: 'drops', key: 'orders/a.txt', bytes, etag: 'e' },
    columns: [{ name: 'line', type: 'VARCHAR' }],
    layout: { format: 'lines', encoding: 'utf-8', compression: 'none', space: 'bytes', skipBytes: 10 },
    dataStart: 10,
    dataEnd: bytes,
    partitionBytes: 100,
    partitions,
  }
}

export function runOf(more: Partial<RunRecord> = {}): RunRecord {
  const { source } = documentOf(1)
  const dates = { createdAt: time, updatedAt: time }
  return {
    runId,
    pipeline: 'orders',
    state: RunState.RUNNING,
    source,
    partitions: 3,
    round: 1,
    ...dates,
    ...more,
  }
}

/** SUCCEEDED with the range it read; without one, no record began in its planned range. */
export function succeeded(partition: number, range?: [start: number, end: number]): PartitionRecord {
  const counts = {
    recordsRead: range ? 10 : 0,
    recordsRejected: 0,
    recordsWritten: range ? 10 : 0,
    outputs: [],
  }
  const report = { ...(range ? { range: { start: range[0], end: range[1] } } : {}), ...counts }
  return { runId, partition, state: PartitionState.SUCCEEDED, fence: 1, round: 1, report }
}

export function failed(partition: number, ...codes: FailureCode[]): PartitionRecord {
  const failures = codes.map((code, at) => failureOf(code, at + 1))
  return {
    runId,
    partition,
    state: PartitionState.FAILED,
    fence: codes.length,
    round: codes.length,
    failures,
  }
}

export function failureOf(code: FailureCode, round: number): Failure {
  return { round, fence: round, code, fingerprint: code, reason: `because ${code}`, at: time }
}
