/** Random files, cut at random: the records of the partitions against those of the whole, by the million. */
import type { Readable } from 'node:stream'
import type { RunDocument } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import { seededRandom } from '../../shared/memory/clock.ts'
import { type Pipeline, parsePipeline } from '../../shared/pipeline.ts'
import { cut } from '../../shared/plan.ts'
import type { Objects } from '../../shared/ports.ts'
import type { PartitionRecord, SourceRange } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import { formatOf } from '../../worker/read/format.ts'
import { isGuessed, provenStart } from '../../worker/read/partition.ts'
import { stretchesOf } from '../../worker/read/stretch.ts'
import { readUnits } from '../../worker/read/units.ts'
import { isNoRecord, type PartitionSource, rawOf, requestOf } from '../../worker/read/walk.ts'
import { inBlocks, type RandomFile, randomFile } from './random-file.ts'

export interface CutsTally {
  files: number
  cuts: number
  /** Partitions whose guessed start a neighbour disproved. */
  wrongGuesses: number
  roundsMost: number
  /** Told of each difference: seed, partition size and where. */
  differences: string[]
}

const roundsMax = 12
const distrustFromRound = 3
const partitioningsPerFile = 6
const differencesMax = 10
const runId = '0'.repeat(24)

/** Each record as its place and bytes, of one in blocks as it reads; `-` behind those that are not sound. */
type Found = string[]

/**
 * @param blocksShare how many of the files are compressed in blocks, of 1
 * @param check is called once for each file with how it is read whole, to hold against what was written
 */
export async function tallyCuts(
  cutsWanted: number,
  seed: number,
  blocksShare = 0,
  check: (file: RandomFile, run: RunDocument, objects: Objects) => Promise<void> = async () => {},
): Promise<CutsTally> {
  const tally: CutsTally = { files: 0, cuts: 0, wrongGuesses: 0, roundsMost: 0, differences: [] }
  for (let nth = 0; tally.cuts < cutsWanted && tally.differences.length < differencesMax; nth++) {
    const chance = seededRandom(seed * 1_000_003 + nth)
    const plain = randomFile(chance)
    const blocks = chance() < blocksShare && !plain.layout.encoding.startsWith('utf-16')
    const file = blocks ? inBlocks(plain, chance) : plain
    const objects = objectsOver(file.content, 1 + Math.floor(chance() * 300))
    await check(file, runOf(file, Math.max(1, file.content.length)), objects)
    await cutFile(tally, `seed ${seed}, file ${nth}`, file, objects, chance).catch(error =>
      tally.differences.push(`seed ${seed}, file ${nth}: ${error}`),
    )
    tally.files++
  }
  return tally
}

async function cutFile(
  tally: CutsTally,
  title: string,
  file: RandomFile,
  objects: Objects,
  chance: () => number,
): Promise<void> {
  const whole = await workRounds(tally, runOf(file, Math.max(2, file.content.length)), objects)
  for (let nth = 0; nth < partitioningsPerFile; nth++) {
    const bytes = 2 ** Math.floor(chance() * 9) + Math.floor(chance() * 7)
    const run = runOf(file, file.layout.encoding.startsWith('utf-16') ? bytes + (bytes % 2) : bytes)
    tally.cuts += Math.max(0, run.partitions - 1)
    const found = await workRounds(tally, run, objects)
    if (found.join() === whole.join()) continue
    const at = found.findIndex((record, position) => record !== whole[position])
    tally.differences.push(
      `${title}, partitions of ${run.partitionBytes} bytes, record ${at}: ${found[at]}, not ${whole[at]}`,
    )
  }
}

const pipelines = new Map<string, Pipeline>()

function pipelineOf(format: string): Pipeline {
  const known = pipelines.get(format)
  if (known) return known
  const source = { prefix: 'in/', format }
  const pipeline = parsePipeline(
    { name: 'cuts', source, work: { sql: 'SELECT 1' }, output: { prefix: 'out/' } },
    'cuts',
  )
  pipelines.set(format, pipeline)
  return pipeline
}

export function runOf({ content, layout, columns }: RandomFile, partitionBytes: number): RunDocument {
  return {
    runId,
    pipeline: pipelineOf(layout.format),
    source: { bucket: 'b', key: 'k', bytes: content.length, etag: 'e' },
    columns: columns.map(name => ({ name, type: 'VARCHAR' })),
    layout,
    dataStart: 0,
    dataEnd: content.length,
    partitionBytes,
    partitions: Math.ceil(content.length / partitionBytes),
  }
}

async function workRounds(tally: CutsTally, run: RunDocument, objects: Objects): Promise<Found> {
  const format = formatOf(run)
  const found: Found[] = Array.from({ length: run.partitions }, () => [])
  const reports = Array.from({ length: run.partitions }, (_, partition) => reportOf(partition))
  let due = Array.from({ length: run.partitions }, (_, partition) => cut(run, partition))
  for (let round = 1; due.length > 0; round++) {
    if (round > roundsMax) throw new Error(`not tiled after ${roundsMax} rounds`)
    tally.roundsMost = Math.max(tally.roundsMost, round)
    for (const assignment of due) {
      const { partition } = assignment
      const records: Found = []
      reports[partition] = reportOf(partition, await read({ run, objects, format, assignment }, records))
      found[partition] = records
    }
    due = miscuts(run, reports, round >= distrustFromRound).map(({ assignment }) => assignment)
    if (round === 1) tally.wrongGuesses += due.length
  }
  return found.flat()
}

function reportOf(partition: number, range?: SourceRange): PartitionRecord {
  const counts = { recordsRead: 0, recordsRejected: 0, recordsWritten: 0, outputs: [] }
  const report = { ...(range ? { range } : {}), ...counts }
  return { runId, partition, state: PartitionState.SUCCEEDED, fence: 1, round: 1, report }
}

/** As an attempt does: what looks broken behind a guess is read again from a proven start. */
async function read(source: PartitionSource, records: Found): Promise<SourceRange | undefined> {
  try {
    return await readOnce(source, records)
  } catch (error) {
    if (!isError(error, 'BAD_INPUT') || !isGuessed(source)) throw error
    records.length = 0
    const proven = await provenStart(source)
    return await readOnce({ ...source, assignment: { ...source.assignment, ...proven } }, records)
  }
}

async function readOnce(source: PartitionSource, records: Found): Promise<SourceRange | undefined> {
  const { format, run } = source
  for await (const stretch of stretchesOf(source)) {
    const { lines } = await readUnits(requestOf(source, stretch), unit => {
      if (isNoRecord(unit, format)) return true
      const bytes = unit.line.contentEnd - unit.begin
      const where = run.layout.space === 'blocks' ? rawOf(unit).toString() : `${unit.offset} ${bytes}`
      records.push(format.fault(unit) === undefined ? where : `${where} -`)
      return true
    })
    if (lines === undefined) return stretch.opens && { start: stretch.opens.at, end: run.source.bytes }
    const start = stretch.opens ?? stretch.position(lines.start)
    const end = stretch.position(lines.end)
    return { start: start.at, startWithin: start.within ?? 0, end: end.at, endWithin: end.within ?? 0 }
  }
  return undefined
}

/** Only `read`, in pieces of `chunkBytes`, with as little ceremony as can be. */
export function objectsOver(content: Buffer, chunkBytes: number): Objects {
  const read: Objects['read'] = async (_ref, { range } = {}) => {
    const { start, end } = range ?? { start: 0, end: content.length }
    return {
      async *[Symbol.asyncIterator]() {
        for (let at = start; at < end; at += chunkBytes)
          yield content.subarray(at, Math.min(end, at + chunkBytes))
      },
      destroy: () => undefined,
    } as unknown as Readable
  }
  return { read } as Objects
}
