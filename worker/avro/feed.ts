/** A stream of bytes that is looked at before it is passed over. */
export class ByteFeed {
  /** Offset in the source of the next byte. */
  at: number
  readonly #chunks: AsyncIterator<Buffer>
  #bytes: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterable<Buffer>, at: number) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.at = at
  }

  /** Bytes at hand. */
  get buffered(): number {
    return this.#bytes.length
  }

  /** The next `count` bytes or more; fewer where there are no more. Errors: those of the stream. */
  async peek(count: number): Promise<Buffer> {
    if (this.#bytes.length >= count) return this.#bytes
    const parts = [this.#bytes]
    let length = this.#bytes.length
    while (length < count) {
      const next = await this.#chunks.next()
      if (next.done) break
      parts.push(next.value)
      length += next.value.length
    }
    this.#bytes = Buffer.concat(parts)
    return this.#bytes
  }

  /** Over bytes that were looked at. */
  skip(count: number): void {
    this.#bytes = this.#bytes.subarray(count)
    this.at += count
  }

  /** Ends the stream. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}
