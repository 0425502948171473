/** What reading a partition and finding records of it again have in common. */
import { newline } from '../../shared/scanned-line.ts'
import type { RecordFormat } from './format.ts'
import type { Stretch, StretchSource } from './stretch.ts'
import type { Unit, UnitsRequest } from './units.ts'

export const recordBytesMax = 256 * 1024 * 1024

export interface PartitionSource extends StretchSource {
  format: RecordFormat
  /** Records are given to a command as they stand. */
  raw?: boolean
}

export function requestOf({ run, signal, ...from }: PartitionSource, stretch: Stretch): UnitsRequest {
  const format = stretch.format ?? from.format
  const scanner = (sample?: Buffer) => format.scanner(sample)
  const { encoding } = run.layout
  return { stretch, encoding, scanner, guesses: format.guesses, recordBytesMax, signal }
}

export function isNoRecord(unit: Unit, format: RecordFormat): boolean {
  const blank = !format.blankIsRecord && unit.line.contentEnd === unit.begin
  return blank || (format.skips?.(unit) ?? false)
}

export function rawOf({ window, begin, line }: Unit): Buffer {
  return window.bytes.subarray(begin, line.contentEnd)
}

/** The line, and those that begin within it, in quotes. */
export function linesOf({ window: { bytes }, begin, line }: Unit, { guesses }: RecordFormat): number {
  let count = 1
  if (!guesses) return count
  let at = bytes.indexOf(newline, begin)
  while (at !== -1 && at < line.contentEnd) {
    count++
    at = bytes.indexOf(newline, at + 1)
  }
  return count
}

/** Of a record behind so many lines of its stretch, from 1; among many objects, what is before the first record counts. */
export function lineOf({ skipLines = 0 }: Stretch, before: number): number {
  return skipLines + before + 1
}
