/** What is measured: each input, how a pipeline says what it is, and who else reads it. */

const types = {
  id: 'BIGINT',
  placed: 'TIMESTAMP',
  price: 'DECIMAL(12,2)',
  quantity: 'INTEGER',
  ratio: 'DOUBLE',
  paid: 'BOOLEAN',
  city: 'VARCHAR',
  note: 'VARCHAR',
}
/** As DuckDB's readers take them. */
const columns = `columns = {${Object.entries(types)
  .map(([name, type]) => `${name}: '${type}'`)
  .join(', ')}}`

export interface FormatCase {
  title: string
  /** In the folder of inputs. */
  file: string
  /** The pipeline's `source`, but for its prefix. */
  source: Record<string, unknown>
  /** Of a compressed one: the file that is in it. */
  content?: string
  /** The content is there in one piece only: taken whole, however large. */
  serial?: true
  /** Cut into so many; absent: 1. */
  partitions?: number
  /** What bare DuckDB selects, of the file `$file`. */
  duckdb?: string
  /** Readers of bench/contestants/libraries.ts. */
  libraries: string[]
}

const readCsv = (more: string): string =>
  `FROM read_csv($file, header = true, ${columns}, delim = ',', quote = '"'${more})`
/** Lines as they are: no byte of theirs divides or quotes anything. */
const readLines = `read_csv($file, header = false, columns = {line: 'VARCHAR'}, delim = '\x01', quote = '', escape = '')`

const csv = { format: 'csv', columns: types }
const fixedFields = [
  { name: 'id', type: 'BIGINT', width: 12 },
  { name: 'placed', type: 'TIMESTAMP', width: 19 },
  { name: 'price', type: 'DECIMAL(12,2)', width: 14 },
  { name: 'quantity', type: 'INTEGER', width: 6 },
  { name: 'note', width: 40 },
]
const fixedSelect = `SELECT trim(line[1:12])::BIGINT, line[13:31]::TIMESTAMP, trim(line[32:45])::DECIMAL(12,2),
  trim(line[46:51])::INTEGER, rtrim(line[52:91]) FROM ${readLines}`

/** Apache's and nginx's `combined`, as RE2 and JavaScript both read it. */
export const combinedPattern =
  '^([^ ]+) ([^ ]+) ([^ ]+) \\[([^\\]]+)\\] "([^ "]+) ([^ "]+) ([^ "]+)" (\\d+) (\\d+) "([^"]*)" "([^"]*)"$'
const combinedNames = [
  'host',
  'ident',
  'usr',
  'tm',
  'method',
  'path',
  'protocol',
  'status',
  'sent',
  'ref',
  'agent',
]
const combinedSelect = `SELECT f.host, f.ident, f.usr, strptime(f.tm, '%d/%b/%Y:%H:%M:%S %z') AS tm, f.method, f.path,
  f.protocol, f.status::SMALLINT AS status, f.sent::BIGINT AS sent, f.ref, f.agent FROM (
  SELECT regexp_extract(line, '${combinedPattern}', ['${combinedNames.join("', '")}']) AS f FROM ${readLines})`

export const formatCases: readonly FormatCase[] = [
  {
    title: 'CSV: 28 of 100 texts in quotes, newlines in 2 of 100 notes',
    file: 'records.csv',
    source: csv,
    duckdb: readCsv(''),
    libraries: ['csv-parse', 'papaparse'],
  },
  {
    title: 'NDJSON',
    file: 'records.ndjson',
    source: { format: 'ndjson', columns: types },
    duckdb: `FROM read_json($file, format = 'newline_delimited', ${columns})`,
    libraries: ['split2 + JSON.parse', 'readline + JSON.parse'],
  },
  {
    title: 'Lines as they are',
    file: 'records.log',
    source: { format: 'lines' },
    duckdb: `FROM ${readLines}`,
    libraries: ['split2', 'readline'],
  },
  {
    title: 'Log of nginx, taken apart: preset nginx-combined',
    file: 'records.log',
    source: { format: 'lines', preset: 'nginx-combined' },
    duckdb: combinedSelect,
    libraries: ['split2 + RegExp', 'readline + RegExp'],
  },
  {
    title: 'Fixed-width records',
    file: 'records.txt',
    source: { format: 'fixed', fields: fixedFields },
    duckdb: fixedSelect,
    libraries: ['split2 + slice'],
  },
  {
    title: 'CSV in UTF-16',
    file: 'records.utf16.csv',
    source: csv,
    duckdb: readCsv(", encoding = 'utf-16'"),
    libraries: ['csv-parse, utf16le', 'papaparse, utf16le'],
  },
  {
    title: 'CSV in gzip, one stream',
    file: 'records.csv.gz',
    content: 'records.csv',
    source: csv,
    serial: true,
    duckdb: readCsv(", compression = 'gzip'"),
    libraries: ['zlib + csv-parse', 'zlib + papaparse'],
  },
  {
    title: 'CSV in BGZF (bgzip), in 8 partitions',
    file: 'records.bgzf.csv.gz',
    content: 'records.csv',
    source: csv,
    partitions: 8,
    duckdb: readCsv(", compression = 'gzip'"),
    libraries: ['zlib + csv-parse', 'zlib + papaparse'],
  },
  {
    title: 'CSV in gzip of many members, in 4 partitions',
    file: 'records.members.csv.gz',
    content: 'records.csv',
    source: csv,
    partitions: 4,
    duckdb: readCsv(", compression = 'gzip'"),
    libraries: ['zlib + csv-parse', 'zlib + papaparse'],
  },
  {
    title: 'JSON: one array',
    file: 'records.json',
    source: { format: 'json', columns: types },
    serial: true,
    duckdb: `FROM read_json($file, format = 'array', ${columns})`,
    libraries: ['JSON.parse of the whole'],
  },
  {
    title: 'Parquet',
    file: 'records.parquet',
    source: { format: 'parquet' },
    duckdb: 'FROM read_parquet($file)',
    libraries: [],
  },
  { title: 'Avro', file: 'records.avro', source: { format: 'avro' }, libraries: [] },
]
