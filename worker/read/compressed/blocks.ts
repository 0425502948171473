/**
 * A partition of an object made of gzip members or zstd frames. It owns the members that begin in its range, and the
 * records that begin behind the first byte of their content up to right behind the last: so a place between two
 * members has one name, the end of the left one, and nobody must look further to know it. The first partition owns
 * the first record too, wherever that begins.
 */
import type { Position } from '../../../shared/documents.ts'
import { bytesFrom } from '../bytes.ts'
import type { Stretch, StretchSource } from '../stretch.ts'
import { firstMemberIn } from './find.ts'
import { piecesOf } from './streams.ts'
import { behind } from './whole.ts'

/** None where no member begins in the range. Errors: those of reading. */
export async function* blockStretches(source: StretchSource): AsyncGenerator<Stretch> {
  const { run, assignment } = source
  const { exactStart, exactWithin, scanFrom, scanWithin } = assignment
  const opens = assignment.start <= run.dataStart
  const known = exactStart ?? scanFrom ?? (opens ? run.dataStart : undefined)
  const at = known ?? (await firstMemberIn(source))
  if (at === undefined || at >= assignment.end) return
  const within = (exactStart === undefined ? scanWithin : exactWithin) ?? 0
  yield blockStretch(source, { at, within }, known === undefined)
}

/** @param place of a record's begin, or of a member's if `guessed` */
function blockStretch(
  source: StretchSource,
  place: { at: number; within: number },
  guessed: boolean,
): Stretch {
  const { run, assignment } = source
  const { skipBytes } = run.layout
  const opens = assignment.start <= run.dataStart
  const headed = place.at === run.dataStart && place.within === 0
  const from = headed ? skipBytes : place.within
  const first = !guessed && place.at >= assignment.start ? { first: from } : {}
  const members = new Members(assignment.start, assignment.end, run.source.bytes)
  // Of a start that is to be proven: it lies so far behind the partition's first member.
  const { exactStart, exactWithin = 0 } = assignment
  const behindFirst = exactStart === undefined ? Math.max(1, exactWithin) : 1
  return {
    from,
    ...first,
    get start() {
      return Math.max(members.ownFrom + behindFirst, headed ? skipBytes + 1 : 0)
    },
    end: () => Math.max(members.ownTo, opens && headed ? skipBytes : 0) + 1,
    chunks: () => behind(from, chunksOf(source, place.at, members)),
    position: offset => members.position(offset),
    ...(opens && headed ? { opens: { at: run.dataStart } } : {}),
    guessed,
  }
}

/** Holds one chunk back, so that with the last one it is known that it is the last. */
async function* chunksOf(
  { objects, run, assignment }: StretchSource,
  at: number,
  members: Members,
): AsyncGenerator<Buffer> {
  const { compression } = run.layout
  const bytes = bytesFrom(objects, run.source, at, assignment.end)
  let held: Buffer | undefined
  for await (const piece of piecesOf(bytes, compression, at, run.pipeline.source.decompressed)) {
    members.add(piece.at, piece.bytes.length)
    if (piece.bytes.length === 0) continue
    if (held) yield held
    held = piece.bytes
  }
  members.finish()
  if (held) yield held
}

/** Where the content of members lies, counted in decompressed bytes from the first one read. */
class Members {
  /** The content of the members that begin in the partition; Infinity: not reached. */
  ownFrom = Number.POSITIVE_INFINITY
  ownTo = Number.POSITIVE_INFINITY
  readonly #start: number
  readonly #end: number
  readonly #sourceBytes: number
  /** Of members with content, ascending. */
  readonly #starts: number[] = []
  readonly #offsets: number[] = []
  #length = 0
  #whole = false
  #last = 0

  constructor(start: number, end: number, sourceBytes: number) {
    this.#start = start
    this.#end = end
    this.#sourceBytes = sourceBytes
  }

  add(at: number, bytes: number): void {
    if (at >= this.#start) this.ownFrom = Math.min(this.ownFrom, this.#length)
    if (at >= this.#end) this.ownTo = Math.min(this.ownTo, this.#length)
    if (bytes > 0 && this.#starts.at(-1) !== at) {
      // Before the partition's own members no place is ever asked for, but in the one that leads into them.
      if (this.ownFrom === Number.POSITIVE_INFINITY) this.#forget()
      this.#starts.push(at)
      this.#offsets.push(this.#length)
    }
    this.#length += bytes
  }

  /** All of the source was read. */
  finish(): void {
    this.#whole = true
  }

  position(offset: number): Position {
    if (this.#whole && offset === this.#length) return { at: this.#sourceBytes }
    const member = this.#memberOf(offset)
    const within = offset - (this.#offsets[member] ?? 0)
    return { at: this.#starts[member] ?? 0, ...(within > 0 ? { within } : {}) }
  }

  /** The last member whose content begins before the offset. Mostly the one that was asked for before. */
  #memberOf(offset: number): number {
    const offsets = this.#offsets
    const begins = (member: number): number => offsets[member] ?? Number.POSITIVE_INFINITY
    const near = [this.#last, this.#last + 1].find(one => begins(one) < offset && begins(one + 1) >= offset)
    if (near !== undefined) {
      this.#last = near
      return near
    }
    let low = 0
    let high = offsets.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (begins(middle) < offset) low = middle
      else high = middle - 1
    }
    this.#last = low
    return low
  }

  #forget(): void {
    this.#starts.length = 0
    this.#offsets.length = 0
  }
}
