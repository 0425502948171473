/** What a pipeline says of its output. Pure. */
import * as z from 'zod'
import { outputCompressions, outputFormats } from '../layout.ts'
import { prefix } from './source.ts'

const MiB = 1024 ** 2
const GiB = 1024 ** 3

export const outputSchema = z.strictObject({
  prefix,
  format: z.enum(outputFormats).default('parquet'),
  /** Of csv and ndjson files; Parquet is zstd inside. */
  compression: z.enum(outputCompressions).default('none'),
  /** Rows of a Parquet row group: readers skip and parallelise by it. */
  rowGroupRows: z.int().min(2048).max(10_000_000).default(122_880),
  /** Columns of the result that become `column=value/` folders. */
  partitionBy: z.array(z.string().min(1)).max(4).default([]),
  /** Merges the files of small partitions into files of about this size, before the run is published. */
  targetFileBytes: z
    .int()
    .min(1 * MiB)
    .max(8 * GiB)
    .optional(),
})
