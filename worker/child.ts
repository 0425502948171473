/** Who this process is: what Batch and the job put into its environment. */
import type { Environment } from '../shared/config.ts'
import { MillraceError } from '../shared/errors.ts'

export interface Child {
  runId: string
  round: number
  /** The number of the array within the round, and this child's number within the array. */
  chunk: number
  index: number
  jobId: string
  jobAttempt: number
  memoryMiB: number
  vcpus: number
  /** Of a multi-node job one of those that work no partition, but stand by the one that does. */
  isBeside?: true
  /** Where the scratch folder is made; the system's own place for such where absent. */
  scratchParent?: string
}

const memoryMiBDefault = 2048

/** Errors: CONFIG_INVALID naming every variable that is missing or no number. */
export function childFrom(env: Environment): Child {
  const faults: string[] = []
  const text = (name: string): string => {
    if (!env[name]) faults.push(name)
    return env[name] ?? ''
  }
  const whole = (name: string, absent?: number): number => {
    if (!env[name] && absent !== undefined) return absent
    const value = Number(text(name))
    if (env[name] && !(Number.isSafeInteger(value) && value >= 0)) faults.push(`${name}=${env[name]}`)
    return value
  }
  const child: Child = {
    runId: text('MILLRACE_RUN_ID'),
    round: whole('MILLRACE_ROUND'),
    chunk: whole('MILLRACE_CHUNK'),
    // A plain job, of one partition, has no index.
    index: whole('AWS_BATCH_JOB_ARRAY_INDEX', 0),
    // Of a multi-node job: without its node's number.
    jobId: text('AWS_BATCH_JOB_ID').replace(/#\d+$/, ''),
    jobAttempt: whole('AWS_BATCH_JOB_ATTEMPT', 1),
    memoryMiB: whole('MILLRACE_MEMORY_MIB', memoryMiBDefault),
    vcpus: Math.max(1, whole('MILLRACE_VCPUS', 1)),
    ...(env.AWS_BATCH_JOB_NODE_INDEX === env.AWS_BATCH_JOB_MAIN_NODE_INDEX
      ? {}
      : { isBeside: true as const }),
    ...(env.MILLRACE_SCRATCH ? { scratchParent: env.MILLRACE_SCRATCH } : {}),
  }
  if (faults.length === 0) return child
  throw new MillraceError(
    'CONFIG_INVALID',
    `Missing or wrong in the worker's environment: ${faults.join(', ')}`,
    {
      remedy: 'Batch and the submitting function set these; start workers through a round of a run.',
    },
  )
}
