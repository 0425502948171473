/**
 * What the footer of a Parquet file says: its schema, and where each row group's columns lie. Pure. After
 * https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
import type { ByteRange } from '../ports.ts'
import { isInstantNanos, type SchemaElement, schemaElement } from './schema.ts'
import { integerOf, listHeadOf, ThriftReader, ThriftType } from './thrift.ts'

export const parquetMagic = 'PAR1'
export const encryptedMagic = 'PARE'
/** The footer's length and the magic. */
export const tailBytes = 8

/** The bytes of one column in one row group, its dictionary included. */
export interface ColumnChunk extends ByteRange {
  codec: number
  encrypted?: boolean
  /** The data lie in another file. */
  elsewhere?: string
}

export interface RowGroup {
  records: number
  /** By leaf of the schema, in its order. */
  chunks: ColumnChunk[]
  /** Of its own description in the footer. */
  described: ByteRange
}

export interface Footer {
  /** The message as it stands in the file. */
  bytes: Uint8Array
  schema: SchemaElement[]
  records: number
  groups: RowGroup[]
  encrypted: boolean
  /** Where these values stand in `bytes`. */
  recordsValue: ByteRange
  groupsValue: ByteRange
}

/** The bytes of a row group's leaf; 0 where the group has no rows. */
export function chunkBytes({ records, chunks }: RowGroup, leaf: number): number {
  const { start = 0, end = 0 } = chunks[leaf] ?? {}
  return records === 0 ? 0 : end - start
}

/** Errors: ThriftFault. */
export function parseFooter(bytes: Uint8Array): Footer {
  const reader = new ThriftReader(bytes)
  const footer: Footer = {
    bytes,
    schema: [],
    records: -1,
    groups: [],
    encrypted: false,
    recordsValue: { start: 0, end: 0 },
    groupsValue: { start: 0, end: 0 },
  }
  reader.struct(id => {
    const start = reader.at
    if (id === 2) footer.schema = listOf(reader, schemaElement)
    else if (id === 3) {
      footer.records = reader.integer()
      footer.recordsValue = { start, end: reader.at }
    } else if (id === 4) {
      footer.groups = listOf(reader, rowGroup)
      footer.groupsValue = { start, end: reader.at }
    } else if (id === 8) footer.encrypted = true
    return id === 2 || id === 3 || id === 4
  })
  const { schema, recordsValue, groupsValue } = footer
  if (schema.length === 0 || recordsValue.end === 0 || groupsValue.start < recordsValue.end) {
    throw reader.fault('the schema, the number of rows or the row groups are not where they must be')
  }
  return footer
}

/**
 * The same footer for some of its row groups: every byte but their list and the count of rows is as it was. But for
 * one: instants in nanoseconds are called local, as DuckDB reads those whole and cuts others to microseconds.
 */
export function footerOfGroups(footer: Footer, first: number, behind: number): Buffer {
  const { bytes, groups, recordsValue, groupsValue } = footer
  const kept = groups.slice(first, behind)
  const records = kept.reduce((sum, group) => sum + group.records, 0)
  const begin = kept[0]?.described.start ?? 0
  const end = kept.at(-1)?.described.end ?? begin
  const head = Buffer.from(bytes.subarray(0, recordsValue.start))
  for (const { logical } of footer.schema) {
    if (logical?.utcAt !== undefined && isInstantNanos(logical)) callLocal(head, logical.utcAt)
  }
  return Buffer.concat([
    head,
    Buffer.from(integerOf(records)),
    bytes.subarray(recordsValue.end, groupsValue.start),
    Buffer.from(listHeadOf(kept.length)),
    bytes.subarray(begin, end),
    bytes.subarray(groupsValue.end),
  ])
}

/** A boolean is the type in its own field's head. */
function callLocal(footer: Buffer, at: number): void {
  footer[at] = ((footer[at] ?? 0) & 0xf0) | ThriftType.false
}

function listOf<Shape>(reader: ThriftReader, element: (reader: ThriftReader) => Shape): Shape[] {
  const { size } = reader.list()
  const all: Shape[] = []
  for (let count = 0; count < size; count++) all.push(element(reader))
  return all
}

function rowGroup(reader: ThriftReader): RowGroup {
  const start = reader.at
  const group: RowGroup = { records: -1, chunks: [], described: { start, end: start } }
  reader.struct(id => {
    if (id === 1) group.chunks = listOf(reader, columnChunk)
    else if (id === 3) group.records = reader.integer()
    else return false
    return true
  })
  group.described.end = reader.at
  return group
}

function columnChunk(reader: ThriftReader): ColumnChunk {
  const chunk: ColumnChunk = { start: -1, end: -1, codec: 0 }
  reader.struct(id => {
    if (id === 1) chunk.elsewhere = reader.text()
    else if (id === 3) columnMetadata(reader, chunk)
    else {
      if (id === 8) chunk.encrypted = true
      return false
    }
    return true
  })
  return chunk
}

function columnMetadata(reader: ThriftReader, chunk: ColumnChunk): void {
  let bytes = -1
  const pages: number[] = []
  reader.struct(id => {
    if (id === 4) chunk.codec = reader.integer()
    else if (id === 7) bytes = reader.integer()
    else if (id === 9 || id === 11) pages.push(reader.integer())
    else return false
    return true
  })
  // A dictionary at 0 is how some writers say that there is none.
  chunk.start = Math.min(...pages.filter(at => at > 0))
  chunk.end = chunk.start + bytes
}
