/** Delivers events after the commit that wrote them: at least once, in order, also after a crash. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Batch } from './batch.ts'
import { envelopeOf, type OutboxRow } from './events.ts'

/** Composed at a time. A crash delivers at most so many twice. */
const eventsPerPage = 100
/** EventBridge gives up after 185 tries; so does this. */
const triesMax = 185
const pauseMsMin = 100
const pauseMsMax = 60_000

export interface Outbox {
  wake: () => void
  /** Ends once nothing is being handed over any more. What is left is delivered by the next start. */
  closed: () => Promise<void>
}

export function createOutbox(batch: () => Batch): Outbox {
  let delivering = false
  let delivered = Promise.resolve()
  const deliverAll = async (): Promise<void> => {
    try {
      while (await deliverPage(batch())) await turn()
    } catch (error) {
      batch().log.error('Batch events cannot be read', { error })
    } finally {
      delivering = false
    }
  }
  const wake = (): void => {
    if (delivering || batch().stopping.aborted) return
    delivering = true
    // The commit that woke us comes first, its caller's answer second, the events third.
    delivered = turn().then(deliverAll)
  }
  return { wake, closed: () => delivered }
}

/** Returns whether there may be more. What is written from then on wakes the outbox again. */
async function deliverPage(batch: Batch): Promise<boolean> {
  if (batch.stopping.aborted) return false
  const page = batch.db.all<OutboxRow>('SELECT * FROM outbox ORDER BY seq LIMIT ?', eventsPerPage)
  for (const row of page) await deliver(batch, row)
  const last = page.at(-1)
  if (!last || batch.stopping.aborted) return false
  batch.db.run('DELETE FROM outbox WHERE seq <= ?', last.seq)
  return true
}

async function deliver(batch: Batch, row: OutboxRow): Promise<void> {
  const envelope = envelopeOf(batch, row)
  if (!envelope) return
  for (let tries = 1; !batch.stopping.aborted; tries++) {
    try {
      await batch.emit(envelope)
      return
    } catch (error) {
      batch.log.warn('A Batch event was not taken', { jobId: row.jobId, status: row.status, tries, error })
      if (tries >= triesMax) return batch.log.error('A Batch event is dropped', { envelope })
      await pause(batch, Math.min(pauseMsMin * 2 ** tries, pauseMsMax))
    }
  }
}

/** Ends early when the server stops, whatever the clock makes of the signal. */
async function pause(batch: Batch, ms: number): Promise<void> {
  const { promise: stopped, resolve } = Promise.withResolvers<void>()
  const stop = (): void => resolve()
  batch.stopping.addEventListener('abort', stop, { once: true })
  await Promise.race([batch.clock.sleep(ms, batch.stopping), stopped])
  batch.stopping.removeEventListener('abort', stop)
}
