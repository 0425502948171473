/** What a user writes: one pipeline, checked whole before anything is spent. */
import * as z from 'zod'
import { MillraceError } from './errors.ts'
import { expectSchema } from './pipeline/expect.ts'
import { jobSchema } from './pipeline/job.ts'
import { jobFaults } from './pipeline/job-faults.ts'
import { outputSchema } from './pipeline/output.ts'
import { sourceSchema } from './pipeline/source.ts'
import { addFaults, workFaults, workSchema } from './pipeline/work.ts'
import { Occasion } from './vocabulary.ts'

const GiB = 1024 ** 3

const settings = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, { error: 'must be 1 to 40 of a-z, 0-9 and -, starting with a letter' }),
  source: sourceSchema,
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
  work: workSchema,
  output: outputSchema,
  job: jobSchema,
  retry: z
    .strictObject({
      /** How often a partition may fail for a reason of its own; Spot reclaims are free. */
      attempts: z.int().min(1).max(10).default(3),
      /** The first wait; doubled each round, with jitter, up to 15 minutes. */
      backoffSeconds: z.int().min(0).max(900).default(30),
      /** A partition that Spot has taken back so often goes on with on-demand capacity. */
      reclaimsOnSpot: z.int().min(1).max(50).default(5),
      /** So many partitions that fail alike stop the whole run at once. */
      breakerPartitions: z.int().min(2).max(10_000).default(25),
    })
    .prefault({}),
  tolerate: z
    .strictObject({
      /** Of the whole run. Rejected records are kept with offset and reason. */
      rejectedRecords: z.int().min(0).default(0),
    })
    .prefault({}),
  /** A person is told where fewer files came than these, once a deadline. Default: nobody waits for any. */
  expect: expectSchema.optional(),
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

export const pipelineSchema = settings.superRefine((pipeline, context) =>
  addFaults(context, [...workFaults(pipeline), ...jobFaults(pipeline)]),
)

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
  if (issue.code === 'invalid_key') {
    return issue.issues.map(({ message }) => ({ path, fault: message, remedy: 'Name it otherwise.' }))
  }
  if (issue.code === 'custom' && typeof issue.params?.remedy === 'string') {
    return [{ path, fault: issue.message, remedy: issue.params.remedy }]
  }
  const remedy =
    issue.code === 'invalid_type' ? `Give a value of type ${issue.expected}.` : 'Correct the value.'
  return [{ path: path === '' ? '(the file)' : path, fault: issue.message, remedy }]
}
