/** Partitions that are left after so many records, and gone on with: read in this process, as workers do. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Assignment, RunDocument } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import type { Objects } from '../../shared/ports.ts'
import type { Rest, SourceRange } from '../../shared/records.ts'
import { endOf, startOf } from '../../shared/tiling.ts'
import { Leave } from '../../worker/notice/leave.ts'
import { formatOf } from '../../worker/read/format.ts'
import { placedStart } from '../../worker/read/listed.ts'
import { isGuessed, provenStart, readPartition } from '../../worker/read/partition.ts'
import { placedFormat } from '../../worker/read/place.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'
import { buckets } from './given.ts'

export interface Source {
  objects: Objects
  run: RunDocument
  assignments: Assignment[]
}

export interface Left {
  range?: SourceRange
  rest?: Rest
  records: string
  rejected: number
  lines: number
}

/** The objects of the source come in chunks of so many bytes. */
export function inChunks(objects: Objects, chunkBytes: number): Objects {
  return {
    ...objects,
    read: async (ref, options) => {
      const stream = await objects.read(ref, options)
      if (ref.bucket !== buckets.drops) return stream
      const all = Buffer.concat(await stream.toArray())
      const count = Math.ceil(all.length / chunkBytes)
      return Readable.from(
        Array.from({ length: count }, (_, at) => all.subarray(at * chunkBytes, (at + 1) * chunkBytes)),
      )
    },
  }
}

/** @param leaveAfter records; the reader is wished to leave off from then on */
export async function readOne(
  { objects, run }: Source,
  given: Assignment,
  leaveAfter = Number.POSITIVE_INFINITY,
): Promise<Left> {
  const assignment = await placedStart({ objects, run, assignment: given })
  const source = { objects, run, assignment, format: placedFormat(formatOf(run), run) }
  try {
    return await readFrom(source, leaveAfter)
  } catch (error) {
    if (!isError(error, 'BAD_INPUT') || !isGuessed(source)) throw error
    const { exactStart, exactWithin, unproven, ...unhinted } = assignment
    return readFrom({ ...source, assignment: { ...unhinted, ...(await provenStart(source)) } }, leaveAfter)
  }
}

async function readFrom(source: Parameters<typeof readPartition>[0], leaveAfter: number): Promise<Left> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-left-'))
  const spool = new Spool(join(dir, 'spool'), source.format.dialect)
  const rejects = new Rejects(join(dir, 'rejects'), source.assignment.partition, source.run)
  const leave = new Leave()
  Object.defineProperty(leave, 'why', {
    get: () => (spool.records + rejects.count >= leaveAfter ? 'asked' : undefined),
  })
  try {
    const { range, rest, lines } = await readPartition({ ...source, leave }, spool, rejects)
    const records = await readFile(spool.file, 'latin1')
    return {
      records,
      lines,
      rejected: rejects.count,
      ...(range ? { range } : {}),
      ...(rest ? { rest } : {}),
    }
  } finally {
    spool.close()
    await rm(dir, { recursive: true })
  }
}

export const all = (reads: readonly Left[]) => ({
  records: reads.map(({ records }) => records).join(''),
  rejected: reads.reduce((sum, { rejected }) => sum + rejected, 0),
})

/** What settle tells the new partition. */
export function goingOn(rest: Rest, { end }: Assignment, partition: number): Assignment {
  const { at, within, objectStart } = rest
  return {
    partition,
    start: at,
    end,
    exactStart: at,
    ...(within === undefined ? {} : { exactWithin: within }),
    ...(objectStart === undefined ? {} : { objectStart }),
  }
}

const partsMax = 1_000

/** The partition, left and gone on with until all of it is read; each part must begin where the one before ended. */
export async function readInParts(
  source: Source,
  assignment: Assignment,
  leaveAfter: () => number,
): Promise<Left[]> {
  const parts: Left[] = []
  let next: Assignment | undefined = assignment
  while (next) {
    assert.ok(parts.length < partsMax, 'it never ends')
    const left: Left = await readOne(source, next, leaveAfter())
    const { range, rest } = left
    if (parts.length > 0) assert.deepEqual(range && startOf(range), placeOf(parts.at(-1)?.rest))
    if (rest) assert.deepEqual(range && endOf(range), placeOf(rest))
    parts.push(left)
    next = rest && goingOn(rest, assignment, source.run.partitions + parts.length)
  }
  return parts
}

function placeOf(rest: Rest | undefined) {
  assert.ok(rest)
  return { at: rest.at, ...(rest.within ? { within: rest.within } : {}) }
}

/** The partition cut at these places, nothing said of where records begin; a start that is wrong is told, as settle does. */
export async function readInShares(source: Source, { start, end }: Assignment, cuts: readonly number[]) {
  const places = [start, ...cuts, end]
  const shares: Left[] = []
  let told = 0
  let cursor: { at: number; within?: number } | undefined
  for (const [at, from] of places.slice(0, -1).entries()) {
    const partition = source.run.partitions + at
    const assignment = { partition, start: from, end: places[at + 1] ?? end }
    let read = await readOne(source, assignment)
    if (cursor && read.range && !isSame(startOf(read.range), cursor)) {
      told++
      const { at: exactStart, within } = cursor
      read = await readOne(source, {
        ...assignment,
        exactStart,
        ...(within ? { exactWithin: within } : {}),
      })
    }
    if (cursor && read.range) assert.deepEqual(startOf(read.range), cursor)
    if (read.range) cursor = endOf(read.range)
    shares.push(read)
  }
  return { shares, told, cursor }
}

const isSame = (one: object, other: object): boolean => JSON.stringify(one) === JSON.stringify(other)
