/** The lines of a log that are no records: comments, and the names of its fields. Pure. */
import type { LinePreset } from '../layout.ts'
import { presets } from './presets.ts'

/** What such lines start with. */
export function besideStarts(preset: LinePreset): string[] {
  const { comment, header } = presets[preset]
  return [comment, header?.start].filter(start => start !== undefined)
}

/** Why such a line says that the log is of another make, if it does: it names other fields, or in another order. */
export function besideFault(line: string, preset: LinePreset): string | undefined {
  const { header } = presets[preset]
  if (header === undefined || !line.startsWith(header.start)) return undefined
  const known = wordsOf(header.whole)
  const at = wordsOf(line).findIndex((word, place) => place < known.length && word !== known[place])
  if (at === -1) return undefined
  return `names the field ${wordsOf(line)[at]} where a log of ${preset} has ${known[at]}`
}

const wordsOf = (line: string): string[] => line.split(/[ \t:]+/).filter(word => word !== '')

export function logFieldsRemedy(preset: LinePreset): string {
  return `Write the log with the fields of ${preset} first, or read it as csv, or as lines with a source.pattern.`
}
