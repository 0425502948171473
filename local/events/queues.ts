/** Durable queues with SQS's semantics: at least once, visibility time-outs, receive counts, dead letters. */
import type { DatabaseSync } from 'node:sqlite'
import { newId } from '../../shared/clock.ts'
import type { Clock } from '../../shared/ports.ts'
import { type Message, messageOf } from './message.ts'
import { together } from './queue-db.ts'

export type { Message } from './message.ts'

export interface Redrive {
  /** Received so often without being removed, it goes to the dead letters at the next receive. */
  receivesMax: number
  deadLetterQueue: string
}

export interface Depth {
  waiting: number
  delayed: number
  inFlight: number
}

export interface Outgoing {
  queue: string
  body: string
  delayMs?: number
}

/** SQS's own limit for one receive is 10; Lambda's pollers collect up to 10,000. */
const receiveMax = 10_000

export class Queues {
  readonly #db: DatabaseSync
  readonly #clock: Clock
  readonly #listeners = { sent: new Set<() => void>(), removed: new Set<() => void>() }

  constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** All of them or none. They are on disk when this returns, unless the caller's own transaction is still open. */
  send(messages: readonly Outgoing[]): void {
    if (messages.length === 0) return
    const now = this.#clock.now()
    const insert = this.#db.prepare(
      'INSERT INTO message (queue, messageId, body, sentAt, visibleAt) VALUES (?, ?, ?, ?, ?)',
    )
    together(this.#db, () => {
      for (const { queue, body, delayMs = 0 } of messages)
        insert.run(queue, newId(), body, now, now + delayMs)
    })
    this.#tell('sent')
  }

  /** Calls `listener` after each send, or removal, of this process; other processes are not heard. */
  on(happening: 'sent' | 'removed', listener: () => void): () => void {
    this.#listeners[happening].add(listener)
    return () => this.#listeners[happening].delete(listener)
  }

  #tell(happening: 'sent' | 'removed'): void {
    for (const listener of this.#listeners[happening]) listener()
  }

  /** Oldest first, up to `max`; each is invisible for `visibilityMs` unless removed before. */
  receive(queue: string, max: number, visibilityMs: number, redrive?: Redrive): Message[] {
    if (this.waiting(queue, 1) === 0) return []
    return together(this.#db, () => {
      const now = this.#clock.now()
      if (redrive !== undefined) this.#redrive(queue, redrive, now)
      const rows = this.#db
        .prepare('SELECT id FROM message WHERE queue = ? AND visibleAt <= ? ORDER BY visibleAt, id LIMIT ?')
        .all(queue, now, Math.min(max, receiveMax))
      return rows.map(row => this.#take(Number(row.id), now, visibilityMs))
    })
  }

  #take(id: number, now: number, visibilityMs: number): Message {
    const row = this.#db
      .prepare(
        `UPDATE message SET receives = receives + 1, visibleAt = ?, receipt = ?,
           firstReceivedAt = coalesce(firstReceivedAt, ?) WHERE id = ? RETURNING *`,
      )
      .get(now + visibilityMs, newId(), now, id)
    return messageOf(row ?? {})
  }

  #redrive(queue: string, { receivesMax, deadLetterQueue }: Redrive, now: number): void {
    this.#db
      .prepare(
        `UPDATE message SET queue = ?, visibleAt = ?, receipt = NULL, firstReceivedAt = NULL,
           deadLetterOf = ? WHERE queue = ? AND visibleAt <= ? AND receives >= ?`,
      )
      .run(deadLetterQueue, now, queue, queue, now, receivesMax)
  }

  /** How many are ready to be received now, counted up to `countMax`. */
  waiting(queue: string, countMax = receiveMax): number {
    const row = this.#db
      .prepare('SELECT count(*) AS n FROM (SELECT 1 FROM message WHERE queue = ? AND visibleAt <= ? LIMIT ?)')
      .get(queue, this.#clock.now(), countMax)
    return Number(row?.n ?? 0)
  }

  /** Done with: a receipt that was overtaken by a later receive is left alone, as in SQS. */
  remove(receipts: readonly string[]): number {
    const statement = this.#db.prepare('DELETE FROM message WHERE receipt = ?')
    const removed = together(this.#db, () =>
      receipts.reduce((sum, receipt) => sum + Number(statement.run(receipt).changes), 0),
    )
    this.#tell('removed')
    return removed
  }

  /** Visible again that long from now; 0 is at once. */
  changeVisibility(receipt: string, visibilityMs: number): void {
    this.#db
      .prepare('UPDATE message SET visibleAt = ? WHERE receipt = ?')
      .run(this.#clock.now() + visibilityMs, receipt)
  }

  /** Replaces a received message by another, or by none, in one step. */
  exchange(receipt: string, replacement?: Outgoing): void {
    together(this.#db, () => {
      if (this.remove([receipt]) > 0 && replacement !== undefined) this.send([replacement])
    })
  }

  /**
   * Makes whatever is in flight visible at once and returns how many. For the only receiver, when it starts: a
   * receive of a process that is gone will never be answered. Receive counts stay, so that a message that kills
   * its receiver still ends among the dead letters.
   */
  recover(): number {
    const now = this.#clock.now()
    const changed = this.#db
      .prepare('UPDATE message SET visibleAt = ?, receipt = NULL WHERE receipt IS NOT NULL AND visibleAt > ?')
      .run(now, now)
    return Number(changed.changes)
  }

  depth(queue: string): Depth {
    const now = this.#clock.now()
    const row = this.#db
      .prepare(
        `SELECT count(*) FILTER (WHERE visibleAt <= ?1) AS waiting,
           count(*) FILTER (WHERE visibleAt > ?1 AND receipt IS NULL) AS delayed,
           count(*) FILTER (WHERE visibleAt > ?1 AND receipt IS NOT NULL) AS inFlight
         FROM message WHERE queue = ?2`,
      )
      .get(now, queue)
    return {
      waiting: Number(row?.waiting ?? 0),
      delayed: Number(row?.delayed ?? 0),
      inFlight: Number(row?.inFlight ?? 0),
    }
  }

  /** Into another queue, as if it were new there. @returns false where it is no longer in this one */
  move(messageId: string, from: string, to: string): boolean {
    const moved = this.#db
      .prepare(
        `UPDATE message SET queue = ?, receives = 0, visibleAt = ?, receipt = NULL, firstReceivedAt = NULL,
           deadLetterOf = NULL WHERE messageId = ? AND queue = ?`,
      )
      .run(to, this.#clock.now(), messageId, from)
    this.#tell('sent')
    return Number(moved.changes) > 0
  }

  /** Whoever has received it or not. */
  discard(messageId: string, queue: string): void {
    this.#db.prepare('DELETE FROM message WHERE messageId = ? AND queue = ?').run(messageId, queue)
    this.#tell('removed')
  }

  /** Looks without receiving, oldest first. */
  peek(queue: string, max: number): Message[] {
    const rows = this.#db.prepare('SELECT * FROM message WHERE queue = ? ORDER BY id LIMIT ?').all(queue, max)
    return rows.map(messageOf)
  }
}
