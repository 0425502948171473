/** A first line `sep=;`, by which Excel is told the delimiter: a word on the file and no record of it. Pure. */
import type { CsvHead } from './reading.ts'
import type { Refusal } from './refusal.ts'

export interface SeparatorLine {
  delimiter: string
  /** Its newline too. */
  bytes: number
}

const lineBytesMax = 16

/** `undefined`: the head begins with no such line. */
export function separatorLineOf({ bytes, whole }: CsvHead): SeparatorLine | undefined {
  const text = bytes.toString('utf8', 0, lineBytesMax)
  const found = /^(?:sep=([^\r\n"])|"sep=([^\r\n"])")(\r?\n|$)/iu.exec(text)
  const delimiter = found?.[1] ?? found?.[2]
  const ends = found?.[3] !== '' || whole
  return found && delimiter !== undefined && ends
    ? { delimiter, bytes: Buffer.byteLength(found[0]) }
    : undefined
}

export function separatorDiffers({ delimiter }: SeparatorLine, told: string): Refusal {
  return {
    code: 'DELIMITER_DIFFERS',
    words: `the first line (byte 0) says that the delimiter is ${JSON.stringify(delimiter)}, source.delimiter says ${JSON.stringify(told)}`,
    remedy: 'Correct source.delimiter, or leave it out, or remove the line.',
  }
}
