/** How each column of `input` comes out of the spool: SQL over its fields `c0`, `c1`, … Pure. */
import {
  addedColumns,
  filenameColumn,
  isJson,
  metadataColumns,
  offsetColumn,
  ownPrefix,
  restColumn,
  surplusColumn,
  versionColumn,
  wholeObjectColumn,
} from '../../shared/added-columns.ts'
import type { Column, RunDocument } from '../../shared/documents.ts'
import { linesColumns } from '../../shared/line-patterns.ts'
import { isStrictJson } from './exact.ts'
import type { LineMatch } from './lines.ts'
import { literal } from './text.ts'

/** One column on its way: its text in the spool, what must hold of that text's kind, and its type. */
export interface Planned extends Column {
  text: string
  kind: string
}

type Run = Pick<RunDocument, 'pipeline' | 'source' | 'columns'>
type Field = (name: string) => string | undefined

const nothing = 'CAST(NULL AS VARCHAR)'

/**
 * @param spooled names of the spool's fields, in order
 * @param match what takes lines apart
 */
export function plannedColumns(run: Run, spooled: readonly string[], match?: LineMatch): Planned[] {
  const inSpool = fieldOf(spooled)
  const field: Field = name => match?.text(name) ?? inSpool(name)
  const { source } = run.pipeline
  const json = isJson(source)
  const columns = source.format === 'lines' ? linesColumns(source) : run.columns
  const own = columns
    .filter(({ name }) => !json || name !== wholeObjectColumn)
    .map(column => fromFile(column, field(column.name), json))
  return [...own, ...addedColumns(source).map(column => added(column, run, spooled, field))]
}

function fieldOf(spooled: readonly string[]): Field {
  const fields = new Map(spooled.map((title, at) => [title, `c${at}`]))
  return name => fields.get(name)
}

/** A column that the file lacks is NULL. */
function fromFile(column: Column, field: string | undefined, json: boolean): Planned {
  if (field === undefined) return { ...column, text: nothing, kind: 'true' }
  if (json) return fromJson(column, field)
  return { ...column, text: field, kind: column.type === 'JSON' ? isStrictJson(field) : 'true' }
}

/** A field holds its value's own JSON text: `"a"`, 3.7, true, {"b":1}. */
function fromJson(column: Column, field: string): Planned {
  if (column.type === 'JSON') return { ...column, text: field, kind: 'true' }
  if (column.type === 'BOOLEAN') return { ...column, text: field, kind: `${field} IN ('true', 'false')` }
  // Of all the first bytes a JSON value can have, only a number's lie from '-' to '9'.
  if (/^(SMALLINT|INTEGER|BIGINT|DOUBLE|DECIMAL)/.test(column.type)) {
    return { ...column, text: field, kind: `ascii(${field}) BETWEEN 45 AND 57` }
  }
  const decoded = `CASE WHEN contains(${field}, '\\') THEN json_extract_string(TRY_CAST(${field} AS JSON), '$') ELSE ${field}[2:-2] END`
  const isString = `starts_with(${field}, '"')`
  return { ...column, text: `CASE WHEN ${isString} THEN ${decoded} END`, kind: isString }
}

function added(column: Column, run: Run, spooled: readonly string[], field: Field): Planned {
  const { name } = column
  const isMetadata = metadataColumns.some(one => one.name === name)
  const text = isMetadata
    ? metadataText(name, run, field)
    : name === wholeObjectColumn
      ? field(name)
      : rescuedText(run, spooled, field)
  return { ...column, text: text ?? nothing, kind: 'true' }
}

/** Spooled with each record only where the records of a partition may come from several objects. */
function metadataText(name: string, { source }: Run, field: Field): string | undefined {
  if (name === '_byte_offset') return field(offsetColumn)
  if (name === '_filename') return field(filenameColumn) ?? literal(source.key)
  return field(versionColumn) ?? (source.version === undefined ? nothing : literal(source.version))
}

/** The fields that no column names as a JSON object; NULL where the record has none. */
function rescuedText({ columns }: Run, spooled: readonly string[], field: Field): string | undefined {
  const rest = field(restColumn)
  if (rest !== undefined) return rest
  const named = new Set(columns.map(({ name }) => name))
  const members = spooled.flatMap((title, at) => {
    if (title === surplusColumn) return [`'"_surplus":' || c${at}`]
    if (named.has(title) || title.startsWith(ownPrefix)) return []
    return [`${literal(`${JSON.stringify(title)}:`)} || to_json(c${at})`]
  })
  if (members.length === 0) return undefined
  return `'{' || nullif(concat_ws(',', ${members.join(', ')}), '') || '}'`
}
