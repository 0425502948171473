/** Everything below a prefix, in the order of its keys, by many listings side by side. */
import { MillraceError } from '../../shared/errors.ts'
import type { ListedObject, Objects } from '../../shared/ports.ts'
import { byUtf8 } from '../../shared/table-rules.ts'

/** Requests under way at a time. */
export const listersMax = 16
/** A span of keys is parted only after so many of its pages: few keys cost few requests. */
const pagesBeforeParting = 4
/** Spans that turn out to hold nothing: a guess of the middle that was wrong. */
const emptySpansMax = 1000

/** Keys behind `after` up to and with `until`; absent: without an end. */
interface Span<Sink> {
  after: string
  until?: string
  sink: Sink
  pages: number
  done: boolean
}

export interface Listing<Sink> {
  objects: Pick<Objects, 'list'>
  bucket: string
  prefix: string
  /** What takes the objects of one span, in order. */
  open: () => Sink
  take: (sink: Sink, objects: ListedObject[]) => Promise<void>
  /** Called after each page. Throws where it is too much. */
  check?: (keys: number) => void
}

/**
 * Lists the prefix in spans of the key space that are parted while they are listed, wherever a lister is idle.
 * @returns the spans' sinks in the order of the keys. Errors: those of listing, of `take` and of `check`.
 */
export async function listPrefix<Sink>(listing: Listing<Sink>): Promise<Sink[]> {
  return new Listers(listing).run()
}

class Listers<Sink> {
  readonly #listing: Listing<Sink>
  /** In the order of their keys. */
  readonly #spans: Span<Sink>[]
  readonly #busy = new Set<Promise<void>>()
  #failed: { error: unknown } | undefined
  #keys = 0
  #empty = 0

  constructor(listing: Listing<Sink>) {
    this.#listing = listing
    this.#spans = [this.#span('')]
  }

  async run(): Promise<Sink[]> {
    const [first] = this.#spans
    if (first) this.#start(first)
    while (this.#busy.size > 0) await Promise.race(this.#busy)
    if (this.#failed) throw this.#failed.error
    return this.#spans.map(({ sink }) => sink)
  }

  #span(after: string, until?: string): Span<Sink> {
    const sink = this.#listing.open()
    return { after, ...(until === undefined ? {} : { until }), sink, pages: 0, done: false }
  }

  #start(span: Span<Sink>): void {
    const listing = this.#list(span).catch((error: unknown) => {
      this.#failed ??= { error }
    })
    const task = listing.finally(() => this.#busy.delete(task))
    this.#busy.add(task)
  }

  async #list(span: Span<Sink>): Promise<void> {
    while (!span.done && this.#failed === undefined) {
      await this.#page(span)
      this.#employ()
    }
  }

  async #page(span: Span<Sink>): Promise<void> {
    const { objects, bucket, prefix, take, check } = this.#listing
    const { objects: found, next } = await objects.list(bucket, prefix, span.after || undefined)
    // The span may have been parted meanwhile: its end is looked at only now.
    const own = found.filter(({ key }) => span.until === undefined || byUtf8(key, span.until) <= 0)
    span.pages++
    if (span.pages === 1 && own.length === 0) this.#empty++
    span.done = next === undefined || own.length < found.length || next === span.until
    span.after = next ?? span.after
    this.#keys += own.length
    check?.(this.#keys)
    await take(span.sink, own)
  }

  /** Parts the spans that have listed most so far, until every lister has one. */
  #employ(): void {
    while (this.#busy.size < listersMax && this.#empty < emptySpansMax) {
      const parted = this.#partLargest()
      if (parted === undefined) return
      this.#start(parted)
    }
  }

  #partLargest(): Span<Sink> | undefined {
    const candidates = this.#spans
      .filter(({ done, pages }) => !done && pages >= pagesBeforeParting)
      .toSorted((a, b) => b.pages - a.pages)
    for (const span of candidates) {
      const middle = middleOf(span.after, span.until, this.#listing.prefix)
      if (middle === undefined) continue
      const right = this.#span(middle, span.until)
      span.until = middle
      this.#spans.splice(this.#spans.indexOf(span) + 1, 0, right)
      return right
    }
    return undefined
  }
}

const lowest = 0x20
const highest = 0x7e
/** A middle as deep in a key as this is no better than the key. */
const depthMax = 64

/** A text about half-way between two keys, by their characters; `undefined` where there is none to be seen. */
export function middleOf(after: string, until: string | undefined, prefix: string): string | undefined {
  if (!after.startsWith(prefix)) return undefined
  let bounded = until !== undefined
  for (let at = prefix.length; at < prefix.length + depthMax; at++) {
    const low = at < after.length ? after.charCodeAt(at) : lowest
    const high = bounded && until !== undefined ? upperAt(until, at) : highest
    if (low > highest || low < lowest || high < low) return undefined
    const middle = (low + high) >> 1
    if (middle > low) return after.slice(0, at) + String.fromCharCode(middle)
    if (high > low) bounded = false
    if (at >= after.length) return undefined
  }
  return undefined
}

/** Beyond ASCII there is no half-way: all of ASCII lies below. */
function upperAt(until: string, at: number): number {
  return at < until.length ? Math.min(until.charCodeAt(at), highest) : lowest - 1
}

/** The bounds of what one planning may list. */
export function listTooLong(words: string): MillraceError {
  return new MillraceError('BAD_INPUT', words, {
    refusal: 'LIST_TOO_LONG',
    remedy: 'Load shorter prefixes one by one, or load the manifest.json of an S3 Inventory of the bucket.',
  })
}
