/** Logs of a known kind, by their lines. Pure. */
import { type LinePreset, linePresets } from '../layout.ts'
import { besideFault } from '../lines/beside.ts'
import { presets } from '../lines/presets.ts'
import type { TextHead } from '../plan/text.ts'
import { linesOf, type Sample } from './findings.ts'

const linesLookedAtMax = 100
/** A CSV of spaces may have one line that looks like a log. */
const linesMin = 1

export function presetOf(head: TextHead): Sample | undefined {
  const lines = linesOf(head).map(line => line.replace(/\r$/, ''))
  const preset = linePresets.find(each => isLogOf(each, lines.slice(0, linesLookedAtMax)))
  if (preset === undefined) return undefined
  const notes = preset.endsWith('combined') ? ['apache-combined and nginx-combined read the same lines'] : []
  return {
    source: { format: 'lines', preset },
    values: new Map(),
    kind: 'none',
    records: lines.length,
    notes,
  }
}

/** Lines that are none of its records are the log's own about its fields. */
function isLogOf(preset: LinePreset, lines: readonly string[]): boolean {
  const pattern = new RegExp(`^(?:${presets[preset].pattern.replaceAll('(?P<', '(?<')})$`, 's')
  const others = lines.filter(line => !pattern.test(line))
  const areItsOwn = others.every(line => line.startsWith('#') && besideFault(line, preset) === undefined)
  return areItsOwn && lines.length - others.length >= linesMin
}
