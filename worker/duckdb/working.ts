/** The spooled records as a table, and the user's SQL over those that fit. */
import { rejectsPerPartitionMax } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Attempt } from '../attempt.ts'
import { findRecords } from '../read/find.ts'
import type { Rejects } from '../read/rejects.ts'
import type { Spool } from '../read/spool.ts'
import type { PartitionSource } from '../read/walk.ts'
import { type Misfit, Table } from './load.ts'
import type { WrittenFile } from './write.ts'

/**
 * Answers nothing where more is rejected than is tolerated.
 * @param guessed the reading began with a guess that nobody has proven yet
 * Errors: WORK_FAILED, WORK_DIED, OUT_OF_MEMORY, COUNT_MISMATCH, STOPPED.
 */
export async function working(
  attempt: Attempt,
  source: PartitionSource,
  spool: Spool,
  rejects: Rejects,
  guessed: boolean,
): Promise<WrittenFile[]> {
  const { run, scratch, signal, log } = attempt
  const began = attempt.elapsedMs()
  const session = await attempt.openSession({ scratch, signal })
  try {
    const table = new Table(session, spool, source.format, run)
    const misfits = await table.load()
    if (misfits > 0) await rejectMisfits(source, table, spool, rejects, misfits)
    const loadedMs = attempt.elapsedMs() - began
    const tolerated = rejects.count <= run.pipeline.tolerate.rejectedRecords
    // Loaded only now: DuckDB's library must not stand between the process's start and its claim.
    const { writeSound } = await import('../bisect/sound.ts')
    const park = (bad: Misfit[]) => reject(source, spool, rejects, bad)
    const given = { attempt, session, rows: table.rows, rejects, park, guessed }
    const files = tolerated ? await writeSound(given) : []
    log.info('worked', { misfits, files: files.length, loadedMs, ms: attempt.elapsedMs() - began })
    return files
  } finally {
    session.close()
  }
}

/** Those that do not fit, of which there are `count`. Answers their ordinals. */
export async function rejectMisfits(
  source: PartitionSource,
  table: Table,
  spool: Spool,
  rejects: Rejects,
  count: number,
): Promise<number[]> {
  const misfits = await table.misfits(rejectsPerPartitionMax + 1)
  if (misfits.length !== Math.min(count, rejectsPerPartitionMax + 1)) {
    throw new MillraceError(
      'COUNT_MISMATCH',
      `${count} records do not fit, but ${misfits.length} are found again`,
    )
  }
  await reject(source, spool, rejects, misfits)
  return misfits.map(({ ordinal }) => ordinal)
}

/** @param found in order */
export async function reject(
  source: PartitionSource,
  spool: Spool,
  rejects: Rejects,
  found: readonly Misfit[],
): Promise<void> {
  const byOrdinal = new Map(found.map(misfit => [misfit.ordinal, misfit]))
  await findRecords(source, spool.marks, [...byOrdinal.keys()], (ordinal, position, raw, line) => {
    const misfit = byOrdinal.get(ordinal)
    if (misfit) rejects.add(position, misfit.reason, raw, misfit.column, line)
  })
  rejects.flush()
}
