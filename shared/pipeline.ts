/** What a user writes: one pipeline, checked whole before anything is spent. */
import * as z from 'zod'
import { MillraceError } from './errors.ts'
import { Occasion } from './vocabulary.ts'

const KiB = 1024
const GiB = 1024 ** 3

/** DuckDB's names. DECIMAL takes precision and scale: `DECIMAL(12,2)`. */
export const columnTypeNames = [
  'VARCHAR',
  'BOOLEAN',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'DOUBLE',
  'DATE',
  'TIME',
  'TIMESTAMP',
  'TIMESTAMPTZ',
  'JSON',
] as const
const decimal = /^DECIMAL\(\s*([1-9]|[12]\d|3[0-8])\s*,\s*(\d|[12]\d|3[0-8])\s*\)$/

const columnType = z
  .string()
  .transform(type => type.toUpperCase().replace(/\s+/g, ''))
  .refine(isColumnType, {
    error: `is no column type; use one of ${columnTypeNames.join(', ')}, DECIMAL(p,s) with p at most 38 and s at most p`,
  })

function isColumnType(type: string): boolean {
  const [, precision, scale] = decimal.exec(type) ?? []
  if (precision !== undefined && scale !== undefined) return Number(scale) <= Number(precision)
  return columnTypeNames.includes(type as (typeof columnTypeNames)[number])
}

const oneByte = z.string().refine(text => Buffer.byteLength(text) === 1 && !/[\r\n]/.test(text), {
  error: 'must be one ASCII character, and no line break',
})
const prefix = z
  .string()
  .min(1)
  .max(512)
  .refine(text => !text.startsWith('/'), { error: 'must not start with a slash' })
  .refine(text => text.endsWith('/'), { error: 'must end with a slash' })
const columns = z.record(z.string().min(1), columnType).refine(all => Object.keys(all).length > 0, {
  error: 'must name at least one column; leave it out to take every column of the header as text',
})

const csvSource = z.strictObject({
  prefix,
  format: z.literal('csv'),
  /** Name and type of every column in the file's order; without it, the header's names as VARCHAR. */
  columns: columns.optional(),
  /** Does the first record name the columns? */
  header: z.boolean().default(true),
  delimiter: oneByte.default(','),
  quote: oneByte.default('"'),
  /** A re-drop of a key with the very content of its last run that was not refused or failed starts no run. */
  skipIdentical: z.boolean().default(false),
})
const ndjsonSource = z.strictObject({
  prefix,
  format: z.literal('ndjson'),
  /** The fields to read; the whole object is always there as the column `_json`. */
  columns: columns.optional(),
  skipIdentical: z.boolean().default(false),
})
const linesSource = z.strictObject({
  prefix,
  /** Every line is one record with the single column `line`. */
  format: z.literal('lines'),
  skipIdentical: z.boolean().default(false),
})

function dialectIsClear(source: object): boolean {
  return !('delimiter' in source && 'quote' in source) || source.delimiter !== source.quote
}

export const pipelineSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, { error: 'must be 1 to 40 of a-z, 0-9 and -, starting with a letter' }),
  source: z.discriminatedUnion('format', [csvSource, ndjsonSource, linesSource]).refine(dialectIsClear, {
    error: 'the delimiter and the quote must differ',
    path: ['delimiter'],
  }),
  split: z
    .strictObject({
      /** Default: 256 MiB, or a ten-thousandth of the object where that is more. */
      partitionBytes: z
        .int()
        .min(1)
        .max(64 * GiB)
        .optional(),
    })
    .default({}),
  work: z.strictObject({
    /** A SELECT over `input`; runs once in each partition. */
    sql: z
      .string()
      .min(1)
      .max(64 * KiB),
  }),
  output: z.strictObject({
    prefix,
    /** Columns of the result that become `column=value/` folders. */
    partitionBy: z.array(z.string().min(1)).max(4).default([]),
  }),
  job: z
    .strictObject({
      vcpus: z.int().min(1).max(192).default(1),
      memoryMiB: z
        .int()
        .min(512)
        .max(768 * 1024)
        .default(2048),
      timeoutMinutes: z
        .int()
        .min(1)
        .max(7 * 24 * 60)
        .default(60),
    })
    .prefault({}),
  retry: z
    .strictObject({
      /** How often a partition may fail for a reason of its own; Spot reclaims are free. */
      attempts: z.int().min(1).max(10).default(3),
      /** The first wait; doubled each round, with jitter, up to 15 minutes. */
      backoffSeconds: z.int().min(0).max(900).default(30),
    })
    .prefault({}),
  tolerate: z
    .strictObject({
      /** Of the whole run. Rejected records are kept with offset and reason. */
      rejectedRecords: z.int().min(0).default(0),
    })
    .prefault({}),
  notify: z
    .strictObject({
      slack: z
        .string()
        .regex(/^(#[^\s#]{1,80}|[CGD][A-Z0-9]{6,})$/, { error: 'must be a #channel or a channel id' })
        .optional(),
      on: z
        .array(z.enum(Object.values(Occasion)))
        .default([Occasion.FAILED, Occasion.REFUSED, Occasion.RECOVERED]),
    })
    .prefault({}),
})

/** As a user writes it. */
export type PipelineInput = z.input<typeof pipelineSchema>
/** With every default filled in. */
export type Pipeline = z.output<typeof pipelineSchema>

/** Types the editor's help; the checking is done when the file is loaded, so that all faults come at once. */
export function definePipeline(pipeline: PipelineInput): PipelineInput {
  return pipeline
}

/** Errors: PIPELINE_INVALID with every fault, each with its path and remedy. */
export function parsePipeline(input: unknown, where: string): Pipeline {
  const result = pipelineSchema.safeParse(input)
  if (result.success) return result.data
  const faults = result.error.issues.flatMap(issue => faultsOf(issue))
  const lines = faults.map(fault => `  ${fault.path}: ${fault.fault}. ${fault.remedy}`)
  throw new MillraceError('PIPELINE_INVALID', `${where} is not a valid pipeline:\n${lines.join('\n')}`, {
    faults,
    remedy: 'Correct the lines above.',
  })
}

function faultsOf(issue: z.core.$ZodIssue): { path: string; fault: string; remedy: string }[] {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => ({
      path: path === '' ? key : `${path}.${key}`,
      fault: 'is no known key',
      remedy: 'Remove it, or correct its spelling.',
    }))
  }
  const remedy =
    issue.code === 'invalid_type' ? `Give a value of type ${issue.expected}.` : 'Correct the value.'
  return [{ path: path === '' ? '(the file)' : path, fault: issue.message, remedy }]
}
