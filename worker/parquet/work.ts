/** A partition of row groups: their bytes fetched, their rows taken by their own types. */
import { join } from 'node:path'
import { rejectsPerPartitionMax } from '../../shared/documents.ts'
import { isError, MillraceError } from '../../shared/errors.ts'
import { columnsOf } from '../../shared/parquet/columns.ts'
import type { RowGroup } from '../../shared/parquet/footer.ts'
import { type ParquetFile, readParquetFooter } from '../../shared/parquet/read.ts'
import { leavesOf, takenOf } from '../../shared/plan/parquet.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import type { Report } from '../../shared/records.ts'
import { type Attempt, finish } from '../attempt.ts'
import type { WrittenFile } from '../duckdb/write.ts'
import { collected, segment } from '../read/bytes.ts'
import { Rejects } from '../read/rejects.ts'
import { fetchGroups } from './fetch.ts'
import { checkPages } from './pages.ts'
import { ParquetTable } from './table.ts'

/** Errors: BAD_INPUT (refusal PARQUET_CORRUPT; or more rejects than tolerated), and those of `work`. */
export async function workParquet(attempt: Attempt): Promise<Report> {
  const { assignment, scratch, run, log } = attempt
  const began = attempt.elapsedMs()
  const file = await footerOf(attempt)
  const found = columnsOf(file.footer.schema) ?? []
  const local = join(scratch.dir, 'input.parquet')
  const leaves = leavesOf(takenOf(found, run.columns))
  const fetched = await fetchGroups(attempt, file, leaves, local)
  const groups = file.footer.groups.slice(assignment.start, assignment.end)
  const pagesChecked = checkPages(local, groups, assignment.start, leaves)
  const recordsRead = groups.reduce((sum, { records }) => sum + records, 0)
  log.info('read', { records: recordsRead, ...fetched, pagesChecked, ms: attempt.elapsedMs() - began })
  const rejects = new Rejects(scratch.rejects, assignment.partition, run)
  const files =
    recordsRead === 0 ? [] : await working(attempt, { local, found, groups, recordsRead }, rejects)
  const range = { start: assignment.start, end: assignment.end }
  return finish(attempt, { files, rejects, recordsRead, range, guessed: false })
}

/** Planning has found it sound, and the object is the same: what is wrong now is a fault of the reading. */
async function footerOf({ objects, run }: Attempt): Promise<ParquetFile> {
  const { source } = run
  const file = await readParquetFooter(source.bytes, ({ start, end }) =>
    collected(segment(objects, source, start, end)),
  )
  if (!isRefusal(file)) return file
  throw new MillraceError('BAD_INPUT', file.words, { refusal: file.code, remedy: file.remedy })
}

interface Local {
  local: string
  found: NonNullable<ReturnType<typeof columnsOf>>
  groups: RowGroup[]
  recordsRead: number
}

async function working(attempt: Attempt, rows: Local, rejects: Rejects): Promise<WrittenFile[]> {
  const { run, scratch, signal, log } = attempt
  const began = attempt.elapsedMs()
  const session = await attempt.openSession({ scratch, signal })
  try {
    const table = new ParquetTable(session, rows.local)
    const misfits = await table.load(run, rows.found, rows.recordsRead).catch(corrupt(attempt, rows))
    if (misfits > 0) await rejectMisfits(attempt, table, rows.groups, rejects, misfits)
    const loadedMs = attempt.elapsedMs() - began
    const tolerated = rejects.count <= run.pipeline.tolerate.rejectedRecords
    const { writeOutput } = await import('../duckdb/write.ts')
    const files = tolerated ? await writeOutput(session, run.pipeline, scratch) : []
    log.info('worked', { misfits, files: files.length, loadedMs, ms: attempt.elapsedMs() - began })
    return files
  } finally {
    session.close()
  }
}

async function rejectMisfits(
  { assignment }: Attempt,
  table: ParquetTable,
  groups: readonly RowGroup[],
  rejects: Rejects,
  count: number,
): Promise<void> {
  let group = 0
  let first = 0
  for await (const { ordinal, column, reason, raw } of table.misfits(rejectsPerPartitionMax + 1)) {
    while (ordinal >= first + (groups[group]?.records ?? Number.POSITIVE_INFINITY)) {
      first += groups[group++]?.records ?? 0
    }
    const place = `Row ${ordinal - first} of row group ${assignment.start + group} (both from 0)`
    rejects.add({ at: offsetOf(groups[group]) }, `${place}: ${reason}`, Buffer.from(raw), column)
  }
  rejects.flush()
  if (rejects.count === Math.min(count, rejectsPerPartitionMax + 1)) return
  throw new MillraceError('COUNT_MISMATCH', `${count} rows do not fit, but ${rejects.count} are found again`)
}

/** Of a row group's first byte; 0 where it has none. */
function offsetOf(group: RowGroup | undefined): number {
  return (group?.chunks ?? []).reduce((least, { start }) => Math.min(least, start), Number.MAX_SAFE_INTEGER)
}

/** What DuckDB says of the disk to which it spills, not of the file. */
const diskFull = /No space left/

function corrupt({ assignment }: Attempt, { groups }: Local) {
  return (error: unknown): never => {
    if (!isError(error, 'BAD_INPUT')) throw error
    if (diskFull.test(error.message)) throw new MillraceError('WORK_FAILED', error.message, { cause: error })
    const { start, end } = assignment
    const place = `row groups [${start}, ${end}), from byte ${offsetOf(groups[0])} on`
    throw new MillraceError('BAD_INPUT', `The Parquet file is corrupt in ${place}: ${error.message}`, {
      refusal: 'PARQUET_CORRUPT',
      remedy: 'Write or upload the file again.',
      cause: error,
    })
  }
}
