/** Avro object container files made by hand, byte for byte, and read partition by partition in this process. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { csvFields } from '../../shared/csv-fields.ts'
import type { Assignment, RunDocument } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import { cut } from '../../shared/plan.ts'
import type { PartitionRecord, Report } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { formatOf } from '../../worker/read/format.ts'
import { ownDialect } from '../../worker/read/own-dialect.ts'
import { isGuessed, provenStart, readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'
import type { PlannedRun } from './planned.ts'

export const sync = Buffer.from('<-sixteen bytes>')

export function long(value: number | bigint): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const encoded: number[] = []
  for (; rest > 127n; rest >>= 7n) encoded.push(Number(rest & 127n) | 128)
  return Buffer.from([...encoded, Number(rest)])
}

export function double(value: number): Buffer {
  return Buffer.from(new Float64Array([value]).buffer)
}

export function bytes(content: string | Buffer): Buffer {
  const value = Buffer.from(content as string)
  return Buffer.concat([long(value.length), value])
}

export function block(records: Buffer[], count = records.length): Buffer {
  return packed(Buffer.concat(records), count)
}

/** A block of data that are compressed already. */
export function packed(data: Buffer, count: number): Buffer {
  return Buffer.concat([long(count), bytes(data), sync])
}

export function avroFile(schema: unknown, blocks: Buffer[], codec = 'null'): Buffer {
  const meta = [bytes('avro.schema'), bytes(JSON.stringify(schema)), bytes('avro.codec'), bytes(codec)]
  return Buffer.concat([Buffer.from('Obj\x01'), long(2), ...meta, long(0), sync, ...blocks])
}

export function recordOf(fields: Record<string, unknown>): unknown {
  return { type: 'record', name: 'R', fields: Object.entries(fields).map(([name, type]) => ({ name, type })) }
}

/** One partition as its worker reads it: bad only from a start that is proven. Errors: BAD_INPUT. */
export async function readOne(given: PlannedRun, assignment: Assignment, run: RunDocument = given.run) {
  try {
    return await readFrom(given, assignment, run)
  } catch (error) {
    const source = { objects: given.objects, run, assignment, format: formatOf(run) }
    if (!isError(error, 'BAD_INPUT') || !isGuessed(source)) throw error
    return readFrom(given, { ...assignment, ...(await provenStart(source)) }, run)
  }
}

async function readFrom(given: PlannedRun, assignment: Assignment, run: RunDocument) {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-avro-'))
  const format = formatOf(run)
  const spool = new Spool(join(dir, 'spool'), format.dialect)
  try {
    const rejects = new Rejects(join(dir, 'rejects'), 0, run)
    const { range } = await readPartition({ objects: given.objects, run, assignment, format }, spool, rejects)
    const lines = await readFile(spool.file)
    return { range, lines, records: spool.records, rejected: rejects.count }
  } finally {
    spool.close()
    await rm(dir, { recursive: true })
  }
}

/** As settle does: read again what does not tile, until all does. */
export async function readTiled(given: PlannedRun, partitionBytes: number) {
  const partitions = Math.ceil((given.run.dataEnd - given.run.dataStart) / partitionBytes)
  const run = { ...given.run, partitionBytes, partitions }
  const found = []
  for (let at = 0; at < partitions; at++) found.push(await readOne(given, cut(run, at), run))
  let replanned = 0
  for (let round = 0; round < 5; round++) {
    const wrong = miscuts(
      run,
      found.map(({ range }, partition) => succeeded(partition, range)),
    )
    if (wrong.length === 0) break
    for (const { assignment } of wrong) {
      found[assignment.partition] = await readOne(given, assignment, run)
      replanned++
    }
  }
  assert.deepEqual(
    miscuts(
      run,
      found.map(({ range }, partition) => succeeded(partition, range)),
    ),
    [],
  )
  return { lines: Buffer.concat(found.map(({ lines }) => lines)), replanned }
}

function succeeded(partition: number, range: Report['range']): PartitionRecord {
  const report = {
    ...(range ? { range } : {}),
    recordsRead: 0,
    recordsRejected: 0,
    recordsWritten: 0,
    outputs: [],
  }
  return { report, partition } as unknown as PartitionRecord
}

/** The texts of the fields of one spooled line. */
export function textsOf(line: Buffer): (string | undefined)[] {
  return csvFields(line.subarray(0, -1), ownDialect)
}
