/** What a pipeline says of its work: a SELECT, or a program that records are given to. Pure. */
import * as z from 'zod'
import { isUsableName, ownPrefix, wholeObjectColumn } from '../added-columns.ts'
import { MillraceError } from '../errors.ts'
import { columns } from './columns.ts'
import type { sourceSchema } from './source.ts'

const KiB = 1024

/** How a program is given its records on stdin. */
export const commandInputs = ['ndjson', 'csv', 'raw'] as const

const settings = z.strictObject({
  /** A SELECT over `input`; runs once in each partition. */
  sql: z
    .string()
    .min(1)
    .max(64 * KiB)
    .optional(),
  /** A program and its arguments, run once in each partition: records on stdin, a JSON object a line on stdout. */
  command: z
    .array(z.string().max(4 * KiB))
    .min(1)
    .max(64)
    .refine(([program]) => program !== '', { error: 'must begin with the name of a program' })
    .optional(),
  /** Of a command: its columns as JSON objects or as CSV with a header, or the records as they stand. */
  input: z.enum(commandInputs).optional(),
  /** Of raw CSV: a header comes first, in every partition. */
  header: z.boolean().optional(),
  /** Of a command: names and types of its results. */
  columns: columns.optional(),
})

type Settings = z.output<typeof settings>

export interface SqlWork {
  sql: string
}

export interface CommandWork {
  /** Empty: nothing is run, the records are read and counted. */
  command: string[]
  input: (typeof commandInputs)[number]
  header: boolean
  columns: Record<string, string>
}

interface WorkFault {
  path: string[]
  fault: string
  remedy: string
}

export const workSchema = settings
  .superRefine((work, context) => addFaults(context, settingFaults(work)))
  .transform(asWork)

export function isCommand(work: SqlWork | CommandWork): work is CommandWork {
  return 'command' in work
}

/** Errors: INVARIANT_BROKEN where the work is a command. */
export function sqlOf(work: SqlWork | CommandWork): string {
  if (!isCommand(work)) return work.sql
  throw new MillraceError('INVARIANT_BROKEN', 'The work is a command, and has no SQL')
}

export function addFaults(context: z.RefinementCtx, faults: readonly WorkFault[]): void {
  for (const { path, fault, remedy } of faults) {
    // What is wrong in itself is not looked at any further.
    context.addIssue({ code: 'custom', message: fault, path, params: { remedy }, continue: false })
  }
}

function asWork({ sql, command, input = 'ndjson', header = false, columns: named = {} }: Settings) {
  return (command === undefined ? { sql: sql ?? '' } : { command, input, header, columns: named }) as
    | SqlWork
    | CommandWork
}

function settingFaults({ sql, command, input, header, columns: named }: Settings): WorkFault[] {
  if ((sql === undefined) === (command === undefined)) {
    const remedy = 'Give a SELECT as sql, or a program with its arguments as command, and not both.'
    return [{ path: [], fault: 'must have either sql or command', remedy }]
  }
  if (command === undefined) {
    const ofCommands = Object.entries({ input, header, columns: named })
    return ofCommands.flatMap(([key, value]) =>
      value === undefined ? [] : [{ path: [key], fault: 'is of command work only', remedy: 'Remove it.' }],
    )
  }
  if (named === undefined) {
    const remedy = "Name every column of its results with its type: { id: 'BIGINT', name: 'VARCHAR' }."
    return [{ path: ['columns'], fault: 'must be there for a command', remedy }]
  }
  return columnFaults(Object.keys(named))
}

function columnFaults(names: readonly string[]): WorkFault[] {
  const folded = names.map(name => name.toLowerCase())
  const isWrong = (name: string, at: number): boolean =>
    !isUsableName(name) ||
    folded.indexOf(folded[at] ?? '') !== at ||
    name.toLowerCase() === wholeObjectColumn ||
    name.toLowerCase().startsWith(ownPrefix)
  return names.filter(isWrong).map(name => ({
    path: ['columns', name],
    fault:
      'is no name for a column of results: it stands twice (case is ignored), holds a NUL, or is kept for Millrace',
    remedy: 'Give the column another name.',
  }))
}

interface Whole {
  source: z.output<typeof sourceSchema>
  work: SqlWork | CommandWork
  output: { partitionBy: string[] }
}

/** What a command cannot do with the pipeline's source and output. */
export function workFaults({ source, work, output }: Whole): WorkFault[] {
  if (!isCommand(work)) return []
  const faults: WorkFault[] = []
  if (source.format === 'parquet') {
    const remedy = 'Use sql, or write the source in another format.'
    faults.push({ path: ['work', 'command'], fault: 'cannot be given Parquet', remedy })
  }
  const names = Object.keys(work.columns).map(name => name.toLowerCase())
  for (const title of output.partitionBy.filter(each => !names.includes(each.toLowerCase()))) {
    const remedy = 'Name it there, with its type, or leave it out of the folders.'
    faults.push({
      path: ['output', 'partitionBy'],
      fault: `names ${title}, which work.columns lacks`,
      remedy,
    })
  }
  return [...faults, ...rawFaults(source, work)]
}

function rawFaults(source: Whole['source'], { input, header }: CommandWork): WorkFault[] {
  const remedy = "Set work.input to 'ndjson' or 'csv', or leave that setting out."
  if (input === 'raw') {
    if (source.format === 'avro')
      return [{ path: ['work', 'input'], fault: 'cannot be raw: Avro has no lines', remedy }]
    const beyond = ['metadata', 'rescued', 'pattern', 'preset', 'recordBytes'].find(
      key => key in source && source[key as keyof typeof source],
    )
    if (beyond) return [{ path: ['work', 'input'], fault: `cannot be raw with source.${beyond}`, remedy }]
  }
  if (!header || (input === 'raw' && source.format === 'csv')) return []
  return [{ path: ['work', 'header'], fault: 'is of raw CSV only', remedy: 'Remove it.' }]
}
