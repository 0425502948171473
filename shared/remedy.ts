/** What a person can do about a failure that no retry heals. Pure. */
import { type FailureCode, failureRules } from './failure.ts'

/** By what Batch says is missing: the very setting to change. */
const settings: readonly (readonly [string, string])[] = [
  [
    'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE',
    'The compute environment may not grow so far: raise maxvCpus of the deployment above job.vcpus, then retry the run.',
  ],
  [
    'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT',
    'No instance type of the compute environment is large enough: allow larger ones and retry the run, or lower job.vcpus or job.memoryMiB and drop the file again.',
  ],
  [
    'MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS',
    "Batch's service role lacks a permission: use the service-linked role AWSServiceRoleForBatch, or add what CloudTrail says was denied.",
  ],
  [
    'MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED',
    "The compute environment's instance types do not fit its image or Availability Zones: look at its instanceTypes and subnets.",
  ],
  [
    'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY',
    'AWS has no such capacity now: retry the run later or with `--on-demand`, or allow more instance types or Availability Zones.',
  ],
  [
    'ACTION_REQUIRED',
    'The compute environment of the queue is invalid: its status reason in the Batch console says why.',
  ],
  [
    'Container Overrides length',
    'What Millrace tells its jobs is over 8192 characters, which no setting makes it: please report it.',
  ],
]

/** The setting to change where Batch has no place for a job, else what its rule advises. */
export function remedyOf(code: FailureCode, reason: string): string {
  const setting = code === 'UNSCHEDULABLE' && settings.find(([words]) => reason.includes(words))
  return setting ? setting[1] : failureRules[code].remedy
}
