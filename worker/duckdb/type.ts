/** A type of DuckDB as plain data, which one process can hand to another. */

import type { DuckDBType, DuckDBTypeId } from '@duckdb/node-api'
import { DuckDBArrayType, DuckDBListType, DuckDBMapType, DuckDBStructType } from '@duckdb/node-api'

export interface ResultType {
  id: DuckDBTypeId
  /** As DuckDB spells it. */
  words: string
  alias?: string
  /** Of a list, of an array, and of the values of a map. */
  element?: ResultType
  /** Of a struct. */
  entries?: [title: string, type: ResultType][]
}

export interface ResultColumn {
  title: string
  type: ResultType
}

export function resultType(type: DuckDBType): ResultType {
  const { typeId: id, alias } = type
  const plain = { id, words: type.toString(), ...(alias === undefined ? {} : { alias }) }
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType || type instanceof DuckDBMapType) {
    return { ...plain, element: resultType(type.valueType) }
  }
  if (!(type instanceof DuckDBStructType)) return plain
  const entries = type.entryNames.flatMap((title, at): [string, ResultType][] => {
    const entry = type.entryTypes[at]
    return entry ? [[title, resultType(entry)]] : []
  })
  return { ...plain, entries }
}
