/** Consecutive bytes as objects of one size. */
import { stateKeys } from '../../shared/documents.ts'
import { isError, MillraceError } from '../../shared/errors.ts'
import type { Pieces } from '../../shared/records.ts'
import type { Attempt } from '../attempt.ts'

type Place = Pick<Attempt, 'objects' | 'buckets' | 'run'>

/** One piece is on its way to the bucket while the next is gathered: there are never more than two in memory. */
export class PieceWriter {
  /** Pieces that were there already. */
  found = 0
  readonly #place: Place
  readonly #pieceBytes: number
  /** Sizes by key, of what an earlier attempt has laid down. */
  readonly #known: ReadonlyMap<string, number>
  #piece = 0
  #gathered: Buffer | undefined
  /** Of the piece at hand. */
  #bytes = 0
  #sending: Promise<void> = Promise.resolve()

  private constructor(place: Place, pieceBytes: number, known: ReadonlyMap<string, number>) {
    this.#place = place
    this.#pieceBytes = pieceBytes
    this.#known = known
  }

  static async open(place: Place, pieceBytes: number): Promise<PieceWriter> {
    const { objects, buckets, run } = place
    const known = new Map<string, number>()
    let after: string | undefined
    do {
      const page = await objects.list(buckets.state, stateKeys.piecesPrefix(run.runId), after)
      for (const { key, bytes } of page.objects) known.set(key, bytes)
      after = page.next
    } while (after !== undefined)
    return new PieceWriter(place, pieceBytes, known)
  }

  async write(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + this.#pieceBytes - this.#bytes)
      // A full one is there to its last byte: objects are written whole or not at all.
      if (this.#known.get(this.#key()) !== this.#pieceBytes) {
        this.#gathered ??= Buffer.allocUnsafe(this.#pieceBytes)
        part.copy(this.#gathered, this.#bytes)
      }
      this.#bytes += part.length
      at += part.length
      if (this.#bytes === this.#pieceBytes) await this.#finish()
    }
  }

  /** All is laid down. */
  async end(): Promise<Pieces> {
    const bytes = this.#piece * this.#pieceBytes + this.#bytes
    if (this.#bytes > 0) await this.#finish()
    await this.#sending
    return { bytes, pieceBytes: this.#pieceBytes, pieces: this.#piece }
  }

  /** Nothing is on its way any more. */
  async settled(): Promise<void> {
    await this.#sending.catch(() => undefined)
  }

  #key(): string {
    return stateKeys.piece(this.#place.run.runId, this.#piece)
  }

  async #finish(): Promise<void> {
    await this.#sending
    const key = this.#key()
    if (this.#gathered === undefined || this.#known.get(key) === this.#bytes) this.found++
    else {
      this.#sending = this.#send(key, this.#gathered.subarray(0, this.#bytes))
      // Looked at with the next piece, or at the end.
      this.#sending.catch(() => undefined)
    }
    this.#gathered = undefined
    this.#piece++
    this.#bytes = 0
  }

  async #send(key: string, piece: Buffer): Promise<void> {
    const { objects, buckets } = this.#place
    const ref = { bucket: buckets.state, key }
    try {
      await objects.write(ref, piece, { once: true })
    } catch (error) {
      if (!isError(error, 'OBJECT_EXISTS')) throw error
      const there = await objects.head(ref)
      if (there?.bytes === piece.length) return
      const words = `${key} has ${there?.bytes} bytes where ${piece.length} were split off`
      throw new MillraceError('COUNT_MISMATCH', words)
    }
  }
}
