/** What a program says on stderr: line by line to the log, within bounds, and its last words kept. */
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

const lineCharactersMax = 4096
const linesMax = 10_000
const stderrTailBytesMax = 2048

export class Stderr {
  readonly #onLine: (line: string) => void
  readonly #decoder = new StringDecoder('utf8')
  #tail: Buffer = Buffer.alloc(0)
  #line = ''
  /** Of the line at hand: over the longest that is kept. */
  #isCut = false
  #lines = 0

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  async read(stderr: Readable): Promise<void> {
    try {
      for await (const chunk of stderr as AsyncIterable<Buffer>) this.#push(chunk)
    } catch {
      // Its end was torn off with the program's: what was read counts.
    }
    if (this.#line !== '') this.#say()
  }

  /** Whole characters, without the blanks around. */
  get tail(): string {
    return this.#tail
      .toString('utf8')
      .replace(/^\ufffd+/, '')
      .trim()
  }

  #push(chunk: Buffer): void {
    this.#tail = Buffer.from(Buffer.concat([this.#tail, chunk]).subarray(-stderrTailBytesMax))
    const [first = '', ...others] = this.#decoder.write(chunk).split('\n')
    this.#add(first)
    for (const text of others) {
      this.#say()
      this.#add(text)
    }
  }

  #add(text: string): void {
    const room = lineCharactersMax - this.#line.length
    this.#isCut ||= text.length > room
    this.#line += text.slice(0, room)
  }

  #say(): void {
    this.#lines++
    if (this.#lines <= linesMax) this.#onLine(this.#isCut ? `${this.#line} [cut]` : this.#line)
    else if (this.#lines === linesMax + 1) this.#onLine(`[more than ${linesMax} lines: the rest is left out]`)
    this.#line = ''
    this.#isCut = false
  }
}
