/** What a partition takes of one Parquet file, on disk. */
import { join } from 'node:path'
import type { Position, RunDocument } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import { columnsOf, type ParquetColumn } from '../../shared/parquet/columns.ts'
import type { RowGroup } from '../../shared/parquet/footer.ts'
import { type ParquetFile, readParquetFooter } from '../../shared/parquet/read.ts'
import type { PlacedObject } from '../../shared/plan/objects.ts'
import { leavesOf, refuseInList, takenOf } from '../../shared/plan/parquet.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import type { ByteRange } from '../../shared/ports.ts'
import type { SourceObject } from '../../shared/records.ts'
import type { Attempt } from '../attempt.ts'
import { startedAhead } from '../read/ahead.ts'
import { collected, segment } from '../read/bytes.ts'
import { beginsIn, named, objectsIn, refOf } from '../read/listed.ts'
import { namingObject, refusedObject } from '../read/object-fault.ts'
import { fetchGroups } from './fetch.ts'
import { checkPages } from './pages.ts'

export interface ParquetPart {
  source: SourceObject
  /** Local. */
  file: string
  found: ParquetColumn[]
  groups: RowGroup[]
  /** Number of the first of `groups` in the object. */
  first: number
  records: number
  /** Of the run's space. */
  covers: ByteRange
  /** Of a byte of the object. */
  position: (byte: number) => Position
  bytesRead: number
  requests: number
  pagesChecked: number
}

/** Those that are fetched ahead of their turn lie on disk meanwhile, and their footers in memory. */
const aheadBytesMax = 4 * 1024 ** 2

type From = Pick<Attempt, 'objects' | 'run' | 'assignment' | 'scratch' | 'signal' | 'leave'>

/**
 * The row groups of the one file, or as many of them as are there when it is to leave off; or each file of a list,
 * whole, that begins in the partition. Errors: BAD_INPUT with a refusal's code, STOPPED, and those of reading.
 */
export async function* partsOf(from: From): AsyncGenerator<ParquetPart> {
  const { start, end } = from.assignment
  if (start >= end) return
  if (from.run.layout.space !== 'objects') return yield await groupsOf(from)
  const early = (object: PlacedObject) =>
    object.bytes <= aheadBytesMax && beginsIn(from, object) ? wholeOf(from, object) : undefined
  for await (const { item, opened } of startedAhead(objectsIn(from), early, async () => {})) {
    if (beginsIn(from, item)) yield await (opened ?? wholeOf(from, item))
  }
}

/** Planning has found it sound, and the object is the same: what is wrong now is a fault of the reading. */
async function groupsOf(from: From): Promise<ParquetPart> {
  const { start, end } = from.assignment
  const { source } = from.run
  const file = await footerOf(from, source)
  const { behind, ...fetched } = await fetchedPart(from, source, file, { start, end }, 'input.parquet')
  return { ...fetched, covers: { start, end: behind }, position: at => ({ at }) }
}

async function wholeOf(from: From, object: PlacedObject): Promise<ParquetPart> {
  const source = refOf(from, object)
  const { base, bytes, item } = object
  try {
    const file = await footerOf(from, source)
    const refusal = refuseInList(parquetSource(from.run), from.run.columns, file)
    if (refusal) throw refusedObject(source, refusal)
    const range = { start: 0, end: file.footer.groups.length }
    const undivided = { ...from, leave: undefined }
    const { behind, ...fetched } = await fetchedPart(undivided, source, file, range, `input-${item}.parquet`)
    const position = (byte: number): Position => ({ at: base + byte, ...named(source, object) })
    return { ...fetched, covers: { start: base, end: base + bytes }, position }
  } catch (error) {
    throw namingObject(source, error)
  }
}

function parquetSource({ runId, pipeline: { source } }: RunDocument) {
  if (source.format === 'parquet') return source
  throw new MillraceError('INVARIANT_BROKEN', `${runId} reads Parquet as ${source.format}`)
}

async function footerOf({ objects }: From, source: SourceObject): Promise<ParquetFile> {
  const file = await readParquetFooter(source.bytes, ({ start, end }) =>
    collected(segment(objects, source, start, end)),
  )
  if (!isRefusal(file)) return file
  throw new MillraceError('BAD_INPUT', file.words, { refusal: file.code, remedy: file.remedy })
}

async function fetchedPart(
  { objects, run, scratch, signal, leave }: From,
  source: SourceObject,
  { footer, footerAt }: ParquetFile,
  range: ByteRange,
  name: string,
): Promise<Omit<ParquetPart, 'covers' | 'position'> & { behind: number }> {
  const found = columnsOf(footer.schema) ?? []
  const leaves = leavesOf(takenOf(found, run.columns))
  const file = join(scratch.dir, name)
  const wanted = { objects, source, range, signal, leave }
  const fetched = await fetchGroups(wanted, { footer, footerAt }, leaves, file)
  const groups = footer.groups.slice(range.start, fetched.behind)
  const pagesChecked = checkPages(file, groups, range.start, leaves)
  const records = groups.reduce((sum, group) => sum + group.records, 0)
  return { source, file, found, groups, first: range.start, records, ...fetched, pagesChecked }
}
