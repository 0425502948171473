/** The bytes of a stream, taken in portions of the taker's choice. */

export class Input {
  /** Of the next byte. */
  at: number
  readonly #chunks: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterable<Buffer>, at: number) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.at = at
  }

  /** The next `bytes` bytes, or fewer at the end; they stay to be taken. */
  async peek(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = []
    let held = this.#held.length
    while (held < bytes) {
      const { done, value } = await this.#chunks.next()
      if (done) break
      parts.push(value)
      held += value.length
    }
    if (parts.length > 0) this.#held = Buffer.concat([this.#held, ...parts])
    return this.#held.subarray(0, bytes)
  }

  /** Bytes at hand. */
  get held(): number {
    return this.#held.length
  }

  /** Over bytes that were peeked at. */
  skip(bytes: number): void {
    this.#held = this.#held.subarray(bytes)
    this.at += bytes
  }

  /** The next `bytes` bytes, or fewer at the end. */
  async take(bytes: number): Promise<Buffer> {
    const taken = await this.peek(bytes)
    this.skip(taken.length)
    return taken
  }

  /** Whatever is at hand; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    const any = this.#held.length > 0 ? this.#held : await this.peek(1)
    if (any.length === 0) return undefined
    return this.take(this.#held.length)
  }

  /** Gives back the last bytes that `next` answered. */
  unread(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([bytes, this.#held])
    this.at -= bytes.length
  }

  /** No more is wanted. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}
