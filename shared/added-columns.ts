/** Columns of `input` beside those of the file, and the names of what the spool keeps for them. Pure. */
import type { Column } from './documents.ts'
import type { Format } from './layout.ts'
import type { Pipeline } from './pipeline.ts'
import type { Refusal } from './plan/refusal.ts'

/** Of ndjson and json: the whole record, as it stands. */
export const wholeObjectColumn = '_json'

export const metadataColumns: Column[] = [
  { name: '_filename', type: 'VARCHAR' },
  { name: '_object_version', type: 'VARCHAR' },
  { name: '_byte_offset', type: 'BIGINT' },
]

/** Spooled under names that no header can have: a header with one of them is refused. */
export const ownPrefix = '__millrace_'
/** A JSON array of the texts behind the last named field. */
export const surplusColumn = `${ownPrefix}surplus`
/** A JSON object of the fields that no column names. */
export const restColumn = `${ownPrefix}rest`
export const offsetColumn = `${ownPrefix}offset`
export const filenameColumn = `${ownPrefix}filename`
export const versionColumn = `${ownPrefix}version`

/** Its records are JSON objects. */
export function isJson({ format }: { format: Format }): boolean {
  return format === 'ndjson' || format === 'json'
}

/** Where a record has fields that no column names, they are kept here; absent: they are dropped. */
export function rescuedColumn(source: Pipeline['source']): string | undefined {
  return 'rescued' in source ? source.rescued : undefined
}

/** In the order in which they follow the columns of the file. */
export function addedColumns(source: Pipeline['source']): Column[] {
  const rescued = rescuedColumn(source)
  return [
    ...(rescued === undefined ? [] : [{ name: rescued, type: 'JSON' }]),
    ...(isJson(source) ? [{ name: wholeObjectColumn, type: 'JSON' }] : []),
    ...(source.metadata ? metadataColumns : []),
  ]
}

/** All that a SELECT over `input` sees. */
export function inputColumns(source: Pipeline['source'], columns: readonly Column[]): Column[] {
  const own = columns.filter(({ name }) => !isJson(source) || name !== wholeObjectColumn)
  return [...own, ...addedColumns(source)]
}

/**
 * A column of the file must have a name that SQL can say, and not that of one that is added to it (case is ignored, as
 * in SQL). A field `_json` of JSON records is in the column of that name with all others.
 */
export function refuseTakenNames(
  source: Pipeline['source'],
  columns: readonly Column[],
  fields: readonly string[] = [],
): Refusal | undefined {
  const unusable = columns.find(({ name }) => !isUsableName(name))
  if (unusable) return nameUnusable(unusable.name)
  const added = new Set(addedColumns(source).map(({ name }) => name.toLowerCase()))
  const names = [...columns.map(({ name }) => name), ...fields]
    .filter(name => !isJson(source) || name !== wholeObjectColumn)
    .map(name => name.toLowerCase())
  const taken = names.find(name => added.has(name) || name.startsWith(ownPrefix))
  if (taken === undefined) return undefined
  return {
    code: 'COLUMN_NAME_TAKEN',
    words: `the file names a column ${taken}, which is the name of a column that Millrace adds`,
    remedy: taken.startsWith(ownPrefix)
      ? `Rename the column: names that start with ${ownPrefix} are kept for Millrace.`
      : 'Rename the column, or change source.metadata or source.rescued in the pipeline.',
  }
}

/** SQL ends at a NUL, and has no empty names. */
export const isUsableName = (name: string): boolean => name !== '' && !name.includes('\0')

function nameUnusable(name: string): Refusal {
  return {
    code: 'COLUMN_NAME_UNUSABLE',
    words: `the file names a column ${JSON.stringify(name)}; a name must not be empty, nor hold a NUL`,
    remedy: "Rename the column, or leave it out with source.columns and source.drift 'ignore'.",
  }
}
