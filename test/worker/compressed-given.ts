/** Compressed files as programs make them, and the way from such a file to its records as settle goes it. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { crc32, deflateRawSync, gzipSync, constants as z, zstdCompressSync } from 'node:zlib'
import type { Assignment, RunDocument } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import type { Compression, Space } from '../../shared/layout.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { cut } from '../../shared/plan.ts'
import type { Objects } from '../../shared/ports.ts'
import { type PartitionRecord, roundsMax, type SourceRange } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { formatOf } from '../../worker/read/format.ts'
import { isGuessed, provenStart, readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'

/** One block as bgzip writes it: at most 64 KiB of content (SAM specification, 4.1). `level` 0: stored. */
export function bgzfBlock(content: Buffer, level = 6): Buffer {
  const deflated = deflateRawSync(content, { level })
  const header = Buffer.from('1f8b08040000000000ff0600424302000000', 'hex')
  header.writeUInt16LE(header.length + deflated.length + 8 - 1, 16)
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(content), 0)
  trailer.writeUInt32LE(content.length, 4)
  return Buffer.concat([header, deflated, trailer])
}

/** The empty block that ends every BGZF file. */
export const bgzfEnd = Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex')

export const gzipMember = (content: Buffer): Buffer => gzipSync(content)
export const zstdFrame = (content: Buffer): Buffer =>
  zstdCompressSync(content, { params: { [z.ZSTD_c_checksumFlag]: 1 } })

export function skippableFrame(content: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x184d2a5e, 0)
  header.writeUInt32LE(content.length, 4)
  return Buffer.concat([header, content])
}

/** `content` cut into members of so many bytes each, in turn. */
export function membersOf(content: Buffer, sizes: number[], make: (part: Buffer) => Buffer): Buffer {
  const members: Buffer[] = []
  for (let at = 0, turn = 0; at < content.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    members.push(make(content.subarray(at, at + size)))
    at += size
  }
  return Buffer.concat(members)
}

export interface Compressed {
  content: Buffer
  compression: Compression
  space: Space
  /** Of csv; none: lines. */
  columns?: readonly string[] | undefined
  skipBytes?: number
  partitionBytes: number
}

function runOf(given: Compressed): RunDocument {
  const { content, columns, partitionBytes } = given
  const format = columns ? 'csv' : 'lines'
  const pipeline = parsePipeline(
    { name: 'a', source: { prefix: 'in/', format }, work: { sql: 'SELECT 1' }, output: { prefix: 'o/' } },
    'a',
  )
  return {
    runId: 'r',
    pipeline,
    source: { bucket: 'b', key: 'k', bytes: content.length, etag: 'e' },
    columns: (columns ?? ['line']).map(name => ({ name, type: 'VARCHAR' })),
    layout: {
      format,
      encoding: 'utf-8',
      compression: given.compression,
      space: given.space,
      skipBytes: given.skipBytes ?? 0,
      ...(columns ? { csv: { delimiter: ',', quote: '"' } } : {}),
    },
    dataStart: 0,
    dataEnd: content.length,
    partitionBytes,
    partitions: Math.ceil(content.length / partitionBytes),
  }
}

function objectsOf(content: Buffer): Objects {
  const read: Objects['read'] = async (_ref, { range } = {}) => {
    const { start, end } = range ?? { start: 0, end: content.length }
    return Readable.from([content.subarray(start, end)])
  }
  return { read } as Objects
}

interface Read {
  range?: SourceRange
  records: string
  rejected: number
  proven?: boolean
}

/** As a worker does: behind a guess that leads to bad input it starts again from a start that is proven. */
async function readOne(
  dir: string,
  content: Buffer,
  run: RunDocument,
  assignment: Assignment,
): Promise<Read> {
  const source = { objects: objectsOf(content), run, assignment, format: formatOf(run) }
  try {
    return await readFrom(dir, source)
  } catch (error) {
    if (!isError(error, 'BAD_INPUT') || !isGuessed(source)) throw error
    const proven = { ...assignment, ...(await provenStart(source)) }
    return { ...(await readFrom(dir, { ...source, assignment: proven })), proven: true }
  }
}

async function readFrom(dir: string, source: Parameters<typeof readPartition>[0]): Promise<Read> {
  const spool = new Spool(join(dir, 'spool'), source.format.dialect)
  const rejects = new Rejects(join(dir, 'rejects'), 0, source.run)
  try {
    const { range } = await readPartition(source, spool, rejects)
    const records = await readFile(spool.file, 'utf8')
    return { ...(range ? { range } : {}), records, rejected: rejects.count }
  } finally {
    spool.close()
    await rm(spool.file)
    await rm(rejects.file, { force: true })
  }
}

export interface ReadAll {
  records: string
  rejected: number
  /** Guesses that settle found wrong, and that workers found wrong themselves. */
  replanned: number
  proven: number
}

/** All partitions, and again those that settle finds miscut, until they tile. */
export async function readAll(given: Compressed): Promise<ReadAll> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-compressed-'))
  const run = runOf(given)
  const reads: Read[] = []
  let outstanding = Array.from({ length: run.partitions }, (_, partition) => cut(run, partition))
  let replanned = 0
  let proven = 0
  try {
    for (let round = 1; ; round++) {
      assert.ok(round <= roundsMax, `It does not tile after ${roundsMax} rounds`)
      for (const assignment of outstanding) {
        const read = await readOne(dir, given.content, run, assignment)
        if (read.proven) proven++
        reads[assignment.partition] = read
      }
      const reports = reads.map(
        (read, partition) => ({ partition, report: read }) as unknown as PartitionRecord,
      )
      outstanding = miscuts(run, reports, round > 3).map(({ assignment }) => assignment)
      replanned += outstanding.length
      if (outstanding.length > 0) continue
      const rejected = reads.reduce((sum, read) => sum + read.rejected, 0)
      return { records: reads.map(({ records }) => records).join(''), rejected, replanned, proven }
    }
  } finally {
    await rm(dir, { recursive: true })
  }
}
