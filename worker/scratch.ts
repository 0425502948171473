/** A folder of this attempt alone. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Scratch {
  dir: string
  spool: string
  rejects: string
  /** DuckDB's own overflow. */
  spill: string
  out: string
  remove(): Promise<void>
}

export async function openScratch(parent?: string): Promise<Scratch> {
  if (parent !== undefined) await mkdir(parent, { recursive: true })
  const dir = await mkdtemp(join(parent ?? tmpdir(), 'millrace-'))
  const scratch = {
    dir,
    spool: join(dir, 'spool.csv'),
    rejects: join(dir, 'rejects.ndjson'),
    spill: join(dir, 'spill'),
    out: join(dir, 'out'),
    remove: () => rm(dir, { recursive: true, force: true, maxRetries: 3 }),
  }
  await Promise.all([mkdir(scratch.spill), mkdir(scratch.out)])
  return scratch
}
