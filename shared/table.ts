/** The words in which the one table is read and conditionally written. Pure. */

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json | undefined }

export interface RecordKey {
  pk: string
  sk: string
}

export type Item = RecordKey & { [name: string]: Json | undefined }

/** What must hold of one attribute. `atMost` holds only of a present number. */
export type Test =
  | { is: string | number | boolean }
  | { oneOf: readonly (string | number)[] }
  | { atMost: number }
  | { absent: true }
  | { present: true }

/** All tests of a clause hold, in any one of the clauses. An absent item has no attribute. */
export type Guard = readonly Readonly<Record<string, Test>>[]

export interface Change {
  set?: Record<string, Json>
  /** Adds to a number; an absent one counts as 0. */
  add?: Record<string, number>
  /** Adds elements at the end of a list; an absent one counts as empty. */
  append?: Record<string, Json[]>
  remove?: readonly string[]
}

/** `item`: as it is after the write, or, where the guard did not hold, the one that stood in the way. */
export type Outcome = { ok: true; item: Item } | { ok: false; item?: Item }

export interface Query {
  /** Which attributes are the keys: the table's own (default), `open` runs, or runs by `pipeline`. */
  index?: 'open' | 'pipeline'
  pk: string
  skPrefix?: string
  newestFirst?: boolean
  limit?: number
  after?: string
}
