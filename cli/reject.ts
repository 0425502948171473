/** `millrace reject list`: every record that a run rejected. */
import { once } from 'node:events'
import { partitionsOf } from '../functions/steps/gather.ts'
import type { GlobalOptions } from './options.ts'
import { rejectText, type ShownReject, shownRejects } from './rejects.ts'
import { loadRunRecord } from './report.ts'
import { openStage } from './stage.ts'

export interface RejectListOptions extends GlobalOptions {
  /** Absent: all of them. */
  limit?: number
  /** The records alone. */
  raw: boolean
}

/** Of a run that failed, every attempt that ended for them has kept its own. @returns 0 */
export async function listRejects(runId: string, options: RejectListOptions): Promise<number> {
  const { world, close } = await openStage(options, 'look', false)
  try {
    const run = await loadRunRecord(world, runId)
    const { limit = Number.POSITIVE_INFINITY } = options
    let count = 0
    for await (const reject of shownRejects(world, run, await partitionsOf(world, run))) {
      if (++count > limit) break
      await say(wordsOf(reject, options))
    }
    if (count === 0 && !options.json && !options.raw) await say(`Run ${runId} has rejected no record.\n`)
    return 0
  } finally {
    await close()
  }
}

function wordsOf(reject: ShownReject, { json, raw }: RejectListOptions): string {
  if (json) return `${JSON.stringify(reject)}\n`
  return raw ? `${reject.raw}\n` : `${rejectText(reject)}\n`
}

/** At the pace of who reads: a run may have rejected millions. */
async function say(words: string): Promise<void> {
  if (!process.stdout.write(words)) await once(process.stdout, 'drain')
}
