/** How lines are taken apart: by the pipeline's own pattern, or by that of a known kind of log. Pure. */
import type { Column } from './documents.ts'
import type { Notation } from './lines/preset.ts'
import { presets } from './lines/presets.ts'
import { readRe2 } from './lines/re2.ts'
import { spelledForRe2 } from './lines/re2-escapes.ts'
import type { Pipeline } from './pipeline.ts'

type LinesSource = Extract<Pipeline['source'], { format: 'lines' }>

/** Where lines are not taken apart. */
export const lineColumn: Column = { name: 'line', type: 'VARCHAR' }

export interface LinePattern {
  /** RE2; must match the whole line. */
  pattern: string
  /** A name for every capturing group, in order; those without one of their own have one that is no column's. */
  groups: string[]
  columns: PatternColumn[]
  /** Do `-` and nothing both mean that there is no value? Else it is nothing alone. */
  dashIsNull: boolean
  /** What a person knows it by. */
  title: string
}

/** A column that one group, or two, of the pattern give. */
export interface PatternColumn extends Column {
  notation: Notation
  groups: string[]
}

/** `undefined` where every line is a record as it is. Call it for sources that were checked. */
export function linePatternOf(source: LinesSource): LinePattern | undefined {
  if (source.preset !== undefined) {
    const { pattern, columns } = presets[source.preset]
    const own = columns.map(({ groups, notation, ...column }) => ({
      ...column,
      notation: notation ?? 'plain',
      groups: groups ?? [column.name],
    }))
    return { pattern, groups: groupNames(pattern), columns: own, dashIsNull: true, title: source.preset }
  }
  if (source.pattern === undefined) return undefined
  const groups = groupNames(source.pattern)
  const named = groups.filter(name => !name.startsWith(unnamed))
  const columns = named.map(name => ({
    name,
    type: source.columns?.[name] ?? 'VARCHAR',
    notation: 'plain' as const,
    groups: [name],
  }))
  const pattern = spelledForRe2(source.pattern)
  return { pattern, groups, columns, dashIsNull: false, title: 'pattern' }
}

const unnamed = '__'

function groupNames(pattern: string): string[] {
  const read = readRe2(pattern)
  return typeof read === 'string' ? [] : read.groups.map((name, at) => name ?? `${unnamed}${at}`)
}

/** The columns that a SELECT over the lines sees. */
export function linesColumns(source: LinesSource): Column[] {
  const columns = linePatternOf(source)?.columns
  return columns?.map(({ name, type }) => ({ name, type })) ?? [lineColumn]
}

/** What is wrong with what a pipeline says of its lines: the key below `source`, and the fault in words. */
export function linesFault(source: {
  pattern?: string | undefined
  preset?: string | undefined
  columns?: Record<string, string> | undefined
}): { key: 'pattern' | 'columns'; fault: string } | undefined {
  if (source.pattern === undefined) {
    if (source.columns === undefined) return undefined
    return { key: 'columns', fault: 'has no use without source.pattern, whose groups it gives types' }
  }
  const read = readRe2(source.pattern)
  if (typeof read === 'string') return { key: 'pattern', fault: `is no RE2 expression: ${read}` }
  const names = read.groups.filter(name => name !== undefined)
  const fault = namesFault(names)
  if (fault !== undefined) return { key: 'pattern', fault }
  const lost = Object.keys(source.columns ?? {}).find(name => !names.includes(name))
  if (lost === undefined) return undefined
  return { key: 'columns', fault: `names ${lost}, which is no group of source.pattern` }
}

function namesFault(names: string[]): string | undefined {
  if (names.length === 0) return 'has no named group, such as (?<status>[0-9]{3}): its groups are the columns'
  const folded = names.map(name => name.toLowerCase())
  const twice = names.find((_, at) => folded.indexOf(folded[at] ?? '') !== at)
  if (twice !== undefined) return `has two groups named ${twice} (case is ignored)`
  const kept = names.find(name => name.startsWith(unnamed))
  return kept && `names a group ${kept}; names that start with ${unnamed} are kept for Millrace`
}
