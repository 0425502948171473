/** A message of a queue, as its row has it. */

export interface Message {
  queue: string
  messageId: string
  /** Names this receive; one that has expired removes nothing. */
  receipt: string
  body: string
  sentAt: number
  firstReceivedAt: number
  /** This receive included. */
  receives: number
  /** The queue that gave it up. */
  deadLetterOf?: string
}

/** From a row of the table `message`. */
export function messageOf(row: Record<string, unknown>): Message {
  return {
    queue: String(row.queue),
    messageId: String(row.messageId),
    receipt: String(row.receipt ?? ''),
    body: String(row.body),
    sentAt: Number(row.sentAt),
    firstReceivedAt: Number(row.firstReceivedAt ?? 0),
    receives: Number(row.receives),
    ...(row.deadLetterOf === null ? {} : { deadLetterOf: String(row.deadLetterOf) }),
  }
}
