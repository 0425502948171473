/** A container takes its own file system with it when it ends, however that is; so does an attempt its temporary files. */
import { mkdirSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Batch } from './batch.ts'

const triesMax = 3

function folderOf({ machine }: Batch, jobId: string, attempt: number): string {
  return path.join(machine.scratchDir, `${jobId.replace(':', '_')}-${attempt}`)
}

/** Made; named by the variables by which programs of any language find it. */
export function scratchFor(batch: Batch, jobId: string, attempt: number): Record<string, string> {
  const dir = folderOf(batch, jobId, attempt)
  mkdirSync(dir, { recursive: true })
  return { TMPDIR: dir, TEMP: dir, TMP: dir }
}

/** Once its processes are gone. */
export function removeScratch(batch: Batch, jobId: string, attempt: number): void {
  const dir = folderOf(batch, jobId, attempt)
  void rm(dir, { recursive: true, force: true, maxRetries: triesMax }).catch((error: unknown) => {
    batch.log.warn('The temporary files of an attempt are still there', { dir, error })
  })
}

/** What attempts of an earlier start have left. */
export function removeAllScratch({ machine, log }: Batch): void {
  try {
    rmSync(machine.scratchDir, { recursive: true, force: true, maxRetries: triesMax })
  } catch (error) {
    log.warn('Temporary files of earlier attempts are still there', { dir: machine.scratchDir, error })
  }
}
