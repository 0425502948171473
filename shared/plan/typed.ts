/** Columns of files that have types of their own, held against the pipeline's. Pure. */
import { refuseTakenNames } from '../added-columns.ts'
import type { Column } from '../documents.ts'
import { isColumnType } from '../pipeline/columns.ts'
import type { Pipeline } from '../pipeline.ts'
import { type Drifted, driftOf, notInFirst } from './drift.ts'
import { isRefusal, type Refusal } from './refusal.ts'

type Source = Extract<Pipeline['source'], { format: 'parquet' | 'avro' }>

const whose = "the file's schema"

/**
 * @param found the file's own columns, in its order
 * @param frozen of one of many objects: the run's columns, which the first of them gave it
 */
export function typedColumns(
  source: Source,
  found: readonly Column[],
  frozen?: readonly Column[],
): Drifted | Refusal {
  const names = found.map(({ name }) => name)
  const unclear = namesRepeat(names) ?? refuseTakenNames(source, [], names)
  if (unclear) return unclear
  const types = new Map(found.map(({ name, type }) => [name, type]))
  const named = Object.entries(source.columns ?? {}).map(([name, type]): Column => ({ name, type }))
  const declared = frozen ?? named
  const drifted = driftOf(names, declared, source.drift, name => types.get(name) ?? 'VARCHAR')
  if (isRefusal(drifted)) return { ...drifted, words: drifted.words.replace(/^the header/, whose) }
  const lost = frozen ? newNames(drifted, frozen) : []
  if (lost.length > 0) return notInFirst(lost, whose)
  const isNamed = (name: string): boolean => named.some(column => column.name === name)
  return typesDiffer(declared, name => types.get(name), isNamed) ?? drifted
}

function newNames({ columns }: Drifted, frozen: readonly Column[]): string[] {
  const known = new Set(frozen.map(({ name }) => name))
  return columns.map(({ name }) => name).filter(name => !known.has(name))
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

/** Of numbers, some fit another width; text is bytes as well. Types of the first object can be any that files have. */
function canFit(own: string, type: string): boolean {
  if (own === type) return true
  const kind = kindOf(own)
  if (isColumnType(type)) return taken[kind].test(type)
  return (kind === 'number' || kind === 'timestamp' || own === 'VARCHAR') && kindOf(type) === otherKind(kind)
}

function otherKind(kind: Kind): Kind {
  return kind === 'text' ? 'bytes' : kind
}

/** @param typeOf the file's own type of a column; `undefined` where it lacks it */
function typesDiffer(
  columns: readonly Column[],
  typeOf: (name: string) => string | undefined,
  isNamed: (name: string) => boolean,
): Refusal | undefined {
  const words = columns.flatMap(({ name, type }) => {
    const own = typeOf(name)
    if (own === undefined || canFit(own, type)) return []
    const where = isNamed(name) ? 'the pipeline' : 'the first object of the list'
    return [`${name} is ${own} in the file and ${type} in ${where}`]
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
