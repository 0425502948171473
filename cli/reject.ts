/** `millrace reject list`: every record that a run rejected. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { partitionsOf } from '../functions/steps/gather.ts'
import type { RunRecord } from '../shared/records.ts'
import type { World } from '../shared/world.ts'
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
    const words = wordsOf(world, await loadRunRecord(world, runId), options)
    // At the pace of who reads: a run may have rejected millions.
    await pipeline(Readable.from(words), process.stdout, { end: false })
    return 0
  } catch (error) {
    if (isClosed(error)) return 0
    throw error
  } finally {
    await close()
  }
}

async function* wordsOf(world: World, run: RunRecord, options: RejectListOptions): AsyncGenerator<string> {
  const { limit = Number.POSITIVE_INFINITY, json, raw } = options
  const text = !json && !raw
  let count = 0
  for await (const reject of shownRejects(world, run, await partitionsOf(world, run))) {
    if (++count > limit) break
    yield text ? `${rejectText(reject)}\n` : lineOf(reject, json)
  }
  if (text && count === 0) yield `Run ${run.runId} has rejected no record.\n`
  for (const { runId, key } of text ? (run.replayedBy ?? []) : []) yield `replayed by run ${runId}: ${key}\n`
}

function lineOf(reject: ShownReject, json: boolean): string {
  return `${json ? JSON.stringify(reject) : reject.raw}\n`
}

/** Whoever read them has seen enough, as `head` does. */
function isClosed(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}
