/** What a demo or a test does to a job that Batch would not: kept in the database until it has happened. */
import { z } from 'zod'
import { type Batch, change } from './batch.ts'
import { parse } from './requests.ts'
import type { JobRow } from './rows.ts'

const interference = z
  .object({
    /** A job's name; `*` stands for anything. */
    jobNamePattern: z.string().optional(),
    /** A plain job, a child, or a parent together with `index`. */
    jobId: z.string().optional(),
    /** The child; 0 is also a plain job. Absent: whichever comes first. */
    index: z.int().min(0).optional(),
    /** Added to the environment of the attempt. */
    environment: z.record(z.string(), z.string()).default({}),
    /** Reclaims the attempt that long after its process started. */
    reclaimAfterMs: z.int().min(0).optional(),
    reclaimWhenStarted: z.boolean().default(false),
    /** Of the reclaim. */
    noticeMs: z.int().min(0).default(0),
    /** Only the next attempt that fits; else every one. */
    once: z.boolean().default(true),
  })
  .refine(each => each.jobId !== undefined || each.jobNamePattern !== undefined, {
    message: 'jobId or jobNamePattern is needed',
  })

export type Interference = z.input<typeof interference>

export interface InterferenceRow {
  id: number
  namePattern: string | null
  jobId: string | null
  arrayIndex: number | null
  environment: string
  reclaimAfterMs: number | null
  noticeMs: number
  once: number
}

/** Errors: MALFORMED. */
export function interfere(batch: Batch, body: unknown): void {
  const asked = parse(interference, body)
  change(batch, () =>
    batch.db.run(
      `INSERT INTO interferences (namePattern, jobId, arrayIndex, environment, reclaimAfterMs, noticeMs, once)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      asked.jobNamePattern ?? null,
      asked.jobId ?? null,
      asked.index ?? null,
      JSON.stringify(asked.environment),
      asked.reclaimAfterMs ?? (asked.reclaimWhenStarted ? 0 : null),
      asked.noticeMs,
      asked.once ? 1 : 0,
    ),
  )
}

/** Within the transaction that begins the attempt: what was asked for it, and is by that used up. */
export function takeInterferences(batch: Batch, job: JobRow): InterferenceRow[] {
  const taken = batch.db
    .all<InterferenceRow>('SELECT * FROM interferences ORDER BY id')
    .filter(row => isMeant(row, job))
  for (const { id, once } of taken) if (once) batch.db.run('DELETE FROM interferences WHERE id = ?', id)
  return taken
}

function isMeant(row: InterferenceRow, job: JobRow): boolean {
  if (row.jobId !== null && row.jobId !== job.jobId && row.jobId !== job.parent) return false
  if (row.arrayIndex !== null && row.arrayIndex !== (job.arrayIndex ?? 0)) return false
  return row.namePattern === null || wildcard(row.namePattern).test(job.name)
}

function wildcard(pattern: string): RegExp {
  const parts = pattern.split('*').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`)
}
