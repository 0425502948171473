/** Where a record stands, in the words of a person and of the columns `_filename`, `_object_version`, `_byte_offset`. */
import { filenameColumn, offsetColumn, versionColumn } from '../../shared/added-columns.ts'
import type { Position, RunDocument } from '../../shared/documents.ts'
import type { RecordFormat } from './format.ts'
import type { Spool } from './spool.ts'

export interface Place {
  key: string
  version?: string
  /** Of the record in that object; of its block where there is `within`. */
  byteOffset: number
  /** Decompressed bytes behind the start of the block at `byteOffset`. */
  within?: number
}

export function placeOf({ source }: Pick<RunDocument, 'source'>, position: Position): Place {
  const { key, version, base = 0 } = position.object ?? { ...source, base: 0 }
  return {
    key,
    ...(version === undefined ? {} : { version }),
    byteOffset: position.at - base,
    ...(position.within ? { within: position.within } : {}),
  }
}

/**
 * `_byte_offset`: of the record's first byte in its object; of one compressed as one stream, in the decompressed
 * bytes; of one made of blocks, that of the block that holds the byte before it, from which on it is found.
 */
function offsetOf({ layout }: RunDocument, { byteOffset, within }: Place): number {
  const inBlocks = layout.space === 'blocks' || layout.format === 'avro'
  return inBlocks ? byteOffset : byteOffset + (within ?? 0)
}

/** The spool's columns for it: what is the same in all records of a partition is not spooled. */
export function placeFields({ pipeline, layout }: RunDocument): string[] {
  if (!pipeline.source.metadata) return []
  return layout.space === 'objects' ? [offsetColumn, filenameColumn, versionColumn] : [offsetColumn]
}

/** The format with the spool's columns for places, and what writes them behind a record; absent: there are none. */
export function placedFormat(format: RecordFormat, run: RunDocument): RecordFormat {
  const fields = placeFields(run)
  return fields.length === 0 ? format : { ...format, spooled: [...format.spooled, ...fields] }
}

export function placeWriter(
  run: RunDocument,
  { dialect }: RecordFormat,
): ((position: Position, spool: Spool) => void) | undefined {
  const fields = placeFields(run)
  if (fields.length === 0) return undefined
  const delimiter = dialect.delimiter.charCodeAt(0)
  return (position, spool) => {
    const place = placeOf(run, position)
    spool.byte(delimiter)
    spool.text(String(offsetOf(run, place)))
    if (fields.length === 1) return
    spool.byte(delimiter)
    spool.quoted(place.key)
    spool.byte(delimiter)
    if (place.version !== undefined) spool.quoted(place.version)
  }
}
