/** What scanners say of a line, whatever the format. Pure. */
import type { CsvFault } from './csv-fault.ts'

export const newline = 10
export const carriageReturn = 13

/** One line of the source: `end` is behind its newline, `contentEnd` before it. Blank: they are alike. */
export interface ScannedLine {
  end: number
  contentEnd: number
  fields: number
  fault: CsvFault
  /** A CR stands as data outside quotes, which other readers take for a line's end. */
  loneCr: boolean
  comment?: boolean
}

/** Answers `false` to stop the scan behind this record. The object handed in is reused. */
export type OnLine = (line: ScannedLine) => boolean
