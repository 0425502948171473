/** The plan of a Parquet file, from its footer alone: whole row groups are what the partitions tile. Pure. */
import type { Column, RunDocument } from '../documents.ts'
import { columnsOf, type ParquetColumn } from '../parquet/columns.ts'
import { chunkBytes } from '../parquet/footer.ts'
import { invalid, type ParquetFile, readParquetFooter, unsound } from '../parquet/read.ts'
import type { Pipeline } from '../pipeline.ts'
import type { Look } from '../plan.ts'
import type { Drifted } from './drift.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { typedColumns } from './typed.ts'

type Source = Extract<Pipeline['source'], { format: 'parquet' }>
type Planned = Omit<RunDocument, 'runId' | 'pipeline' | 'source'>

/** With more, the submission of children would cost more than their work. */
const partitionsDefaultMax = 10_000

/**
 * Two reads beyond the head at most, none where the head is all of the object.
 * @param partitionBytes compressed bytes of the columns that are read
 */
export async function planParquet(
  source: Source,
  look: Look,
  partitionBytes: number,
): Promise<Planned | Refusal> {
  const { bytes } = look.source
  const file = await readParquetFooter(bytes, async range =>
    range.end <= look.head.length ? look.head.subarray(range.start, range.end) : look.read(range),
  )
  if (isRefusal(file)) return file
  const found = columnsOf(file.footer.schema)
  if (found === undefined) return noTree(file)
  const drifted = typedColumns(source, found)
  if (isRefusal(drifted)) return drifted
  const taken = takenOf(found, drifted.columns)
  return refused(file, found, taken) ?? planned(file, taken, drifted, partitionBytes)
}

/** One of a run's many objects, held against what its first one gave the run; `undefined`: nothing speaks against it. */
export function refuseInList(
  source: Source,
  columns: readonly Column[],
  file: ParquetFile,
): Refusal | undefined {
  const found = columnsOf(file.footer.schema)
  if (found === undefined) return noTree(file)
  const drifted = typedColumns(source, found, columns)
  return isRefusal(drifted) ? drifted : refused(file, found, takenOf(found, columns))
}

function noTree({ footerAt }: ParquetFile): Refusal {
  return invalid(footerAt, 'its schema is no tree')
}

/** The file's columns that a run reads. */
export function takenOf(found: readonly ParquetColumn[], columns: readonly Column[]): ParquetColumn[] {
  const names = new Set(columns.map(({ name }) => name))
  return found.filter(({ name }) => names.has(name))
}

/** Numbers of the leaves that make these columns. */
export function leavesOf(columns: readonly ParquetColumn[]): number[] {
  return columns.flatMap(({ leaves: { first, behind } }) =>
    Array.from({ length: behind - first }, (_, at) => first + at),
  )
}

function refused(
  file: ParquetFile,
  found: readonly ParquetColumn[],
  taken: readonly ParquetColumn[],
): Refusal | undefined {
  const inexact = taken.filter(column => column.inexact).map(({ name }) => name)
  if (inexact.length > 0) return notExact(inexact)
  const { groups } = file.footer
  const leaves = found.at(-1)?.leaves.behind ?? 0
  const odd = groups.findIndex(({ chunks }) => chunks.length !== leaves)
  if (odd !== -1)
    return invalid(file.footerAt, `row group ${odd} has not one column chunk for each of ${leaves} leaves`)
  return unsound(file, leavesOf(taken))
}

function planned(
  { footer }: ParquetFile,
  taken: readonly ParquetColumn[],
  { columns, fields, drift }: Drifted,
  partitionBytes: number,
): Planned {
  const leaves = leavesOf(taken)
  const sizes = footer.groups.map(group => leaves.reduce((sum, leaf) => sum + chunkBytes(group, leaf), 0))
  const groups = groupsPerPartition(sizes, partitionBytes)
  return {
    columns,
    layout: {
      format: 'parquet',
      encoding: 'utf-8',
      compression: 'none',
      space: 'rowGroups',
      skipBytes: 0,
      ...(fields ? { fields } : {}),
      ...(drift ? { drift } : {}),
    },
    dataStart: 0,
    dataEnd: sizes.length,
    partitionBytes: groups,
    partitions: Math.ceil(sizes.length / groups),
  }
}

/**
 * As many row groups to each partition, so that cutting stays arithmetic: the most with which none of them exceeds
 * `bytesMax`, but for single row groups that do. Writers make row groups of about one size.
 */
export function groupsPerPartition(sizes: readonly number[], bytesMax: number): number {
  let groups = Math.max(1, Math.ceil(sizes.length / partitionsDefaultMax))
  while (groups < sizes.length && fits(sizes, groups + 1, bytesMax)) groups++
  return groups
}

function fits(sizes: readonly number[], groups: number, bytesMax: number): boolean {
  for (let first = 0; first < sizes.length; first += groups) {
    const bytes = sizes.slice(first, first + groups).reduce((sum, size) => sum + size, 0)
    if (bytes > bytesMax) return false
  }
  return true
}

function notExact(names: string[]): Refusal {
  return {
    code: 'PARQUET_TYPE_NOT_EXACT',
    words: `decimals of more than 38 digits and times of day in nanoseconds cannot be read exactly: ${names.join(', ')}`,
    remedy:
      'Leave those columns out of source.columns (with source.drift ignore), or write them in another type.',
  }
}
