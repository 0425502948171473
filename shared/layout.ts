/** What an input looks like: found at plan time or told by the pipeline, shown by `plan`, frozen in the run. Pure. */

export const formats = ['csv', 'ndjson', 'json', 'lines', 'fixed', 'parquet', 'avro'] as const
export type Format = (typeof formats)[number]

export const encodings = ['utf-8', 'utf-16le', 'utf-16be', 'latin-1', 'windows-1252'] as const
export type Encoding = (typeof encodings)[number]

export const compressions = ['none', 'gzip', 'zstd'] as const
export type Compression = (typeof compressions)[number]

/** What is done where an object has other columns than the pipeline names. */
export const drifts = ['fail', 'widen', 'ignore'] as const
export type Drift = (typeof drifts)[number]

export const raggedRules = ['reject', 'pad'] as const

/** Kinds of log whose lines are known. */
export const linePresets = [
  'apache-combined',
  'nginx-combined',
  'alb',
  'cloudfront',
  's3-access',
  'vpc-flow',
] as const
export type LinePreset = (typeof linePresets)[number]

export const outputFormats = ['parquet', 'csv', 'ndjson'] as const
export const outputCompressions = ['none', 'gzip', 'zstd'] as const

/**
 * What the partitions of a run tile, and so what `start` and `end` of assignments and ranges count:
 * - `bytes`: bytes of the object; workers align to records.
 * - `blocks`: bytes of a compressed object that is made of blocks, members or frames; a place in it is the start of
 *   a block and decompressed bytes behind that.
 * - `whole`: bytes of a compressed object that one partition takes whole.
 * - `pieces`: decompressed bytes, which the split stage has laid down in pieces.
 * - `rowGroups`: the row groups of a Parquet file.
 * - `objects`: bytes of many objects, one behind the other in the order of the run's list.
 */
export type Space = 'bytes' | 'blocks' | 'whole' | 'pieces' | 'rowGroups' | 'objects'

export interface Layout {
  format: Format
  encoding: Encoding
  compression: Compression
  space: Space
  /** Text: decompressed bytes before the first record of each object: a byte order mark, a header. */
  skipBytes: number
  /** Newlines in them; absent: 0. */
  skipLines?: number
  /** Of csv: with nothing left to guess. */
  csv?: CsvDialect
  /** Does the first record of each object name the columns? */
  header?: boolean
  /** Names of a record's fields in the file's own order, where they are not those of the run's columns. */
  fields?: string[]
  /** How those differ from the pipeline's columns: names it does not have, and names only it has. */
  drift?: { unknown: string[]; lacking: string[] }
}

export interface CsvDialect {
  /** 1 to 4 bytes of UTF-8. */
  delimiter: string
  /** One ASCII character, or '' where nothing is quoted. */
  quote: string
  /** One ASCII character; absent: a quote within quotes is doubled. */
  escape?: string
  /** One ASCII character; absent: there are no comments. */
  comment?: string
}
