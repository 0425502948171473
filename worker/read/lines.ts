/** Where lines begin and end: at LF, whatever stands before it. */
import { CsvFault } from '../../shared/csv-fault.ts'
import { carriageReturn, newline, type OnLine, type ScannedLine } from '../../shared/scanned-line.ts'

/** What finds the ends of records, whatever the format. */
export interface Scanner {
  scan(bytes: Uint8Array, from: number, to: number, onLine: OnLine): number
  finish(end: number, begun: boolean, onLine: OnLine): void
}

export class LineScanner implements Scanner {
  readonly #line: ScannedLine = { end: 0, contentEnd: 0, fields: 1, fault: CsvFault.none, loneCr: false }

  scan(bytes: Buffer, from: number, to: number, onLine: OnLine): number {
    let at = from
    while (at < to) {
      const found = bytes.indexOf(newline, at)
      if (found === -1 || found >= to) return to
      at = found + 1
      this.#line.end = at
      this.#line.contentEnd = bytes[found - 1] === carriageReturn ? found - 1 : found
      if (!onLine(this.#line)) return at
    }
    return to
  }

  finish(end: number, begun: boolean, onLine: OnLine): void {
    if (!begun) return
    this.#line.end = end
    this.#line.contentEnd = end
    onLine(this.#line)
  }
}
