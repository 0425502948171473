/** Columns of files that have types of their own, held against the pipeline's. Pure. */
import { refuseTakenNames } from '../added-columns.ts'
import type { Column } from '../documents.ts'
import type { Pipeline } from '../pipeline.ts'
import { type Drifted, driftOf } from './drift.ts'
import { isRefusal, type Refusal } from './refusal.ts'

type Source = Extract<Pipeline['source'], { format: 'parquet' | 'avro' }>

/** @param found the file's own columns, in its order */
export function typedColumns(source: Source, found: readonly Column[]): Drifted | Refusal {
  const names = found.map(({ name }) => name)
  const unclear = namesRepeat(names) ?? refuseTakenNames(source, [], names)
  if (unclear) return unclear
  const types = new Map(found.map(({ name, type }) => [name, type]))
  const declared = Object.entries(source.columns ?? {}).map(([name, type]): Column => ({ name, type }))
  const drifted = driftOf(names, declared, source.drift, name => types.get(name) ?? 'VARCHAR')
  if (isRefusal(drifted))
    return { ...drifted, words: drifted.words.replace(/^the header/, "the file's schema") }
  return typesDiffer(declared, name => types.get(name)) ?? drifted
}

type Kind =
  | 'number'
  | 'boolean'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'text'
  | 'bytes'
  | 'nested'
  | 'other'

/** What each kind of the file's values may be declared as; a single value may still not fit. */
const taken: Record<Kind, RegExp> = {
  number: /^(SMALLINT|INTEGER|BIGINT|DOUBLE|DECIMAL.*|VARCHAR|JSON)$/,
  boolean: /^(BOOLEAN|VARCHAR|JSON)$/,
  date: /^(DATE|TIMESTAMP|VARCHAR)$/,
  time: /^(TIME|VARCHAR)$/,
  timestamp: /^(TIMESTAMP|VARCHAR)$/,
  timestamptz: /^(TIMESTAMPTZ|VARCHAR)$/,
  text: /^/,
  bytes: /^VARCHAR$/,
  nested: /^JSON$/,
  other: /^VARCHAR$/,
}

function kindOf(type: string): Kind {
  if (/[\])]$/.test(type) && !type.startsWith('DECIMAL')) return 'nested'
  if (/^(U?(TINYINT|SMALLINT|INTEGER|BIGINT)|HUGEINT|FLOAT|DOUBLE|DECIMAL.*)$/.test(type)) return 'number'
  if (type === 'VARCHAR' || type === 'JSON') return 'text'
  if (type === 'TIMESTAMP_NS') return 'timestamp'
  if (type === 'BLOB') return 'bytes'
  const same: readonly string[] = ['boolean', 'date', 'time', 'timestamp', 'timestamptz']
  const lower = type.toLowerCase()
  return same.includes(lower) ? (lower as Kind) : 'other'
}

/** @param typeOf the file's own type of a column; `undefined` where it lacks it */
function typesDiffer(
  columns: readonly Column[],
  typeOf: (name: string) => string | undefined,
): Refusal | undefined {
  const words = columns.flatMap(({ name, type }) => {
    const own = typeOf(name)
    if (own === undefined || own === type || taken[kindOf(own)].test(type)) return []
    return [`${name} is ${own} in the file and ${type} in the pipeline`]
  })
  if (words.length === 0) return undefined
  return {
    code: 'COLUMN_TYPES_DIFFER',
    words: `no value of the file could fit: ${words.join('; ')}`,
    remedy:
      'Declare the types as the file has them (nested ones as JSON, others as VARCHAR), and convert in work.sql.',
  }
}

/** DuckDB would rename one of them without a word. */
function namesRepeat(names: readonly string[]): Refusal | undefined {
  const seen = new Set<string>()
  for (const name of names.map(each => each.toLowerCase())) {
    if (seen.has(name)) {
      return {
        code: 'COLUMN_NAMES_REPEAT',
        words: `the file's schema names ${name} twice (case is ignored)`,
        remedy: 'Write the file with a name of its own for every column.',
      }
    }
    seen.add(name)
  }
  return undefined
}
