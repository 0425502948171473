/** What a pipeline says of its input. What is left out is sniffed at plan time and frozen in the run. Pure. */
import * as z from 'zod'
import { isClear } from '../csv-dialect.ts'
import { fixedFaults } from '../fixed.ts'
import { compressions, drifts, encodings, linePresets, raggedRules } from '../layout.ts'
import { placeFaults, placeSettings } from './bucket.ts'
import { columns, columnType } from './columns.ts'
import { rowFaults } from './rows.ts'
import { scheduleSchema } from './schedule.ts'

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const TiB = 1024 ** 4

export const prefix = z
  .string()
  .min(1)
  .max(512)
  // Half of what S3 takes: behind it come a run, folders and a file.
  .refine(text => Buffer.byteLength(text) <= 512, { error: 'must be at most 512 bytes of UTF-8' })
  .refine(text => !text.startsWith('/'), { error: 'must not start with a slash' })
  .refine(text => text.endsWith('/'), { error: 'must end with a slash' })

/** '' switches quoting, escaping or comments off. */
const oneByteOrNone = z.string().refine(text => Buffer.byteLength(text) <= 1 && !/[\r\n]/.test(text), {
  error: "must be one ASCII character and no line break, or '' for none",
})
const delimiter = z
  .string()
  .min(1)
  .refine(text => Buffer.byteLength(text) <= 4 && !/[\r\n]/.test(text), {
    error: 'must be 1 to 4 bytes of UTF-8, and no line break',
  })

const anySource = {
  ...placeSettings,
  /** A re-drop of a key with the very content of its last run that was not refused or failed starts no run. */
  skipIdentical: z.boolean().default(false),
  /** Default: by the first bytes of the object, whatever its name. */
  compression: z.enum(compressions).optional(),
  /** A stream that grows beyond these is taken for a decompression bomb, and refused. */
  decompressed: z
    .strictObject({
      /** Of one object. */
      bytesMax: z
        .int()
        .min(1)
        .default(10 * TiB),
      /** Decompressed to compressed bytes, looked at beyond the first 64 MiB of output. */
      ratioMax: z.int().min(1).default(250),
    })
    .prefault({}),
  /** Adds the columns `_filename`, `_object_version` and `_byte_offset` to `input`. */
  metadata: z.boolean().default(false),
  /** Each tick takes what no run has yet, as one run; nothing is taken in between. Default: each drop is a run. */
  schedule: scheduleSchema.optional(),
  /** Small objects that are dropped within the window become one run. */
  group: z
    .strictObject({
      /** How long the first one waits for others. */
      seconds: z.int().min(1).max(900).default(60),
      objects: z.int().min(1).max(1000).default(1000),
      bytes: z
        .int()
        .min(1)
        .max(64 * GiB)
        .default(256 * MiB),
    })
    .optional(),
}
const encoding = z.enum(encodings).optional()
/** What becomes of fields that `columns` does not name: a JSON object in this column. */
const rescued = z.string().min(1).optional()
const drift = z.enum(drifts)

const csvSource = z.strictObject({
  ...anySource,
  format: z.literal('csv'),
  encoding,
  /** Name and type of every column; without it, the header's names as VARCHAR. */
  columns: columns.optional(),
  /** Does the first record name the columns? */
  header: z.boolean().optional(),
  delimiter: delimiter.optional(),
  quote: oneByteOrNone.optional(),
  /** The character that makes the next one plain; default: the quote, doubled. */
  escape: oneByteOrNone.optional(),
  /** Records that start with it are skipped. */
  comment: oneByteOrNone.optional(),
  /** Records with too few or too many fields: reject them, or fill with NULL and rescue the surplus. */
  ragged: z.enum(raggedRules).default('reject'),
  drift: drift.default('fail'),
  rescued,
})
const ndjsonSource = z.strictObject({
  ...anySource,
  format: z.literal('ndjson'),
  encoding,
  /** The fields to read; the whole object is always there as the column `_json`. */
  columns: columns.optional(),
  drift: drift.default('ignore'),
  rescued,
})
const jsonSource = z.strictObject({
  ...ndjsonSource.shape,
  format: z.literal('json'),
  /** Where the array of records is: names with dots between them, `data.items`; default: the file is the array. */
  path: z.string().min(1).optional(),
})
const linesSource = z.strictObject({
  ...anySource,
  format: z.literal('lines'),
  encoding,
  /** An RE2 expression that must match the whole line; its named groups are the columns. */
  pattern: z.string().min(1).max(10_000).optional(),
  /** A known kind of log, with its own pattern and typed columns. */
  preset: z.enum(linePresets).optional(),
  /** Types of the pattern's groups; those not named are VARCHAR. */
  columns: columns.optional(),
})
const fixedSource = z.strictObject({
  ...anySource,
  format: z.literal('fixed'),
  encoding,
  fields: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        type: columnType.default('VARCHAR'),
        /** Characters from the record's start; default: behind the field before. */
        start: z.int().min(0).optional(),
        /** In characters. */
        width: z
          .int()
          .min(1)
          .max(1024 ** 2),
      }),
    )
    .min(1),
  /** Records of so many bytes without line ends between them; default: one record a line. */
  recordBytes: z
    .int()
    .min(1)
    .max(16 * MiB)
    .optional(),
})
const parquetSource = z.strictObject({
  ...anySource,
  format: z.literal('parquet'),
  columns: columns.optional(),
  drift: drift.default('fail'),
})
const avroSource = z.strictObject({
  ...anySource,
  format: z.literal('avro'),
  columns: columns.optional(),
  drift: drift.default('fail'),
})

export const sourceSchema = z
  .discriminatedUnion('format', [
    csvSource,
    ndjsonSource,
    jsonSource,
    linesSource,
    fixedSource,
    parquetSource,
    avroSource,
  ])
  .refine(source => source.format !== 'csv' || isClear(source), {
    error: 'the delimiter, the quote, the escape and the comment must differ',
    path: ['delimiter'],
  })
  .refine(source => source.format !== 'lines' || !(source.pattern && source.preset), {
    error: 'give a pattern or a preset, not both',
    path: ['pattern'],
  })
  .refine(source => source.schedule === undefined || source.group === undefined, {
    error: 'cannot be with a group: a tick is a group of all that came',
    path: ['schedule'],
  })
  .superRefine((source, context) => {
    for (const { key, fault } of [...placeFaults(source), ...rowFaults(source), ...fixedFaults(source)]) {
      context.addIssue({ code: 'custom', message: fault, path: [key], input: source })
    }
  })
