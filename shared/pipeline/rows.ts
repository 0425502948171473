/** What is wrong with what a pipeline says of the columns of its rows. Pure. */
import { isJson, isUsableName, metadataColumns, ownPrefix, wholeObjectColumn } from '../added-columns.ts'
import type { Format } from '../layout.ts'
import { linesFault } from '../line-patterns.ts'

interface Source {
  format: Format
  metadata: boolean
  columns?: Record<string, string> | undefined
  fields?: { name: string }[] | undefined
  rescued?: string | undefined
  pattern?: string | undefined
  preset?: string | undefined
}

interface RowFault {
  /** Below `source`. */
  key: string
  fault: string
}

/** Every fault, each with the key it concerns. */
export function rowFaults(source: Source): RowFault[] {
  const lines = source.format === 'lines' ? linesFault(source) : undefined
  return [...(lines ? [lines] : []), ...nameFaults(source)]
}

/** Case is ignored, as in SQL. */
function nameFaults(source: Source): RowFault[] {
  const named = Object.keys(source.columns ?? {})
  const names = named.length > 0 ? named : (source.fields ?? []).map(({ name }) => name)
  const folded = new Set(names.map(name => name.toLowerCase()))
  const added = source.metadata ? metadataColumns.map(({ name }) => name) : []
  const taken = added.filter(name => folded.has(name))
  const own = names.filter(name => isOwn(name, source))
  const unusable = [...names, source.rescued ?? 'none'].filter(name => !isUsableName(name))
  return [
    ...taken.map(name => ({
      key: 'metadata',
      fault: `adds a column ${name}, and there is one of that name`,
    })),
    ...own.map(name => ({ key: 'columns', fault: `names ${name}; such names are kept for Millrace` })),
    ...repeated(Object.keys(source.columns ?? {})).map(name => ({
      key: 'columns',
      fault: `names ${name} twice (case is ignored)`,
    })),
    ...unusable.map(name => ({
      key: 'columns',
      fault: `names ${JSON.stringify(name)}; a name holds no NUL`,
    })),
    ...rescuedFault(source, folded),
  ]
}

/** A column `_json` is the one that is added. */
function isOwn(name: string, source: Source): boolean {
  const title = name.toLowerCase()
  const alike = isJson(source) && title === wholeObjectColumn && name !== wholeObjectColumn
  return alike || title.startsWith(ownPrefix)
}

/** SQL would give the values of the first under the name of the second. */
function repeated(names: readonly string[]): string[] {
  const folded = names.map(name => name.toLowerCase())
  return names.filter((_, at) => folded.indexOf(folded[at] ?? '') !== at)
}

function rescuedFault(source: Source, folded: ReadonlySet<string>): RowFault[] {
  const { rescued, metadata } = source
  if (rescued === undefined) return []
  const title = rescued.toLowerCase()
  const added = [
    ...(metadata ? metadataColumns.map(({ name }) => name) : []),
    isJson(source) ? wholeObjectColumn : '',
  ]
  if (!folded.has(title) && !added.includes(title) && !title.startsWith(ownPrefix)) return []
  return [{ key: 'rescued', fault: `names a column ${rescued} that is there already, or kept for Millrace` }]
}
