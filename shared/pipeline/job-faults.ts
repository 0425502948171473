/** What Batch would refuse of a pipeline's job, told before anything is deployed. Pure. */
import { fargateSizeMax, fargateSizeOf } from './fargate.ts'
import type { JobSettings } from './job.ts'

export interface JobFault {
  path: string[]
  fault: string
  remedy: string
}

interface Whole {
  job: JobSettings
  work: object
}

/** Of a name, or of one with a key behind it: Secrets Manager ends every ARN in so much of its own. */
const endsAsAnArn = /^(?!arn:|ssm:)[^:]*-[A-Za-z0-9]{6}(:|$)/
/** Tags of a job and of its definition count together. Source: SubmitJob, propagateTags. */
const tagsMax = 40

export function jobFaults({ job, work }: Whole): JobFault[] {
  return [
    ...(job.platform === 'FARGATE' ? fargateFaults(job) : ec2Faults(job)),
    ...(job.nodes === undefined ? [] : nodeFaults(job, work)),
    ...nameFaults(job),
  ]
}

function fargateFaults(job: JobSettings): JobFault[] {
  const remedy = "Leave it out, or set job.platform to 'EC2'."
  const only = (['instances', 'gpus', 'nodes', 'sharedMemoryMiB'] as const).filter(
    key => job[key] !== undefined,
  )
  const faults = only.map(key => ({ path: ['job', key], fault: 'is not to be had with FARGATE', remedy }))
  if (job.volumes.some(({ hostPath }) => hostPath !== undefined))
    faults.push({ path: ['job', 'volumes'], fault: 'has a hostPath, and FARGATE has no host', remedy })
  // Fargate itself knows nofile, Batch on Fargate knows none. Source: ContainerProperties.ulimits.
  if (job.ulimits.length > 0)
    faults.push({ path: ['job', 'ulimits'], fault: 'are not to be had with FARGATE', remedy })
  if (fargateSizeOf(job) === undefined)
    faults.push({
      path: ['job', 'memoryMiB'],
      fault: `is more than Fargate has (${fargateSizeMax.memoryMiB} MiB, ${fargateSizeMax.vcpus} vCPUs)`,
      remedy,
    })
  return faults
}

function ec2Faults(job: JobSettings): JobFault[] {
  const faults: JobFault[] = []
  if (!Number.isInteger(job.vcpus))
    faults.push({
      path: ['job', 'vcpus'],
      fault: 'must be a whole number on EC2',
      remedy: "Round it up, or set job.platform to 'FARGATE'.",
    })
  if (job.ephemeralStorageGiB !== undefined)
    faults.push({
      path: ['job', 'ephemeralStorageGiB'],
      fault: 'is of FARGATE only',
      remedy: 'Leave it out; job.instances.diskGiB sizes the disk of instances.',
    })
  if (job.gpus !== undefined && job.architecture === 'arm64')
    faults.push({
      path: ['job', 'gpus'],
      fault: 'are to be had with x86_64 only',
      remedy: 'Leave job.architecture out.',
    })
  const strange = job.instances?.types.filter(type => architectureOf(type) !== job.architecture) ?? []
  for (const type of strange)
    faults.push({
      path: ['job', 'instances', 'types'],
      fault: `names ${type}, which is not ${job.architecture}`,
      remedy: 'Set job.architecture to that of the instances; all of them have one.',
    })
  return faults
}

/** Graviton's have a g behind the generation: m7g, c6gn, t4g; not g5. Source: EC2's naming of instance types. */
export function architectureOf(instanceType: string): JobSettings['architecture'] {
  return /^(a1\b|[a-z]+\d+g|default_arm64)/.test(instanceType) ? 'arm64' : 'x86_64'
}

function nodeFaults(job: JobSettings, work: object): JobFault[] {
  const faults: JobFault[] = []
  if (!('command' in work))
    faults.push({
      path: ['job', 'nodes'],
      fault: 'are of command work only: SQL runs on one node',
      remedy: 'Use work.command, or leave job.nodes out.',
    })
  if (job.sequential)
    faults.push({
      path: ['job', 'sequential'],
      fault: 'is not to be had with nodes: such a job is no array',
      remedy: 'Leave one of them out.',
    })
  return faults
}

function nameFaults(job: JobSettings): JobFault[] {
  const faults: JobFault[] = []
  for (const name of Object.keys(job.secrets).filter(each => each in job.environment))
    faults.push({
      path: ['job', 'secrets', name],
      fault: 'is set in job.environment as well',
      remedy: 'Leave one of them out.',
    })
  for (const [name] of Object.entries(job.secrets).filter(([, where]) => endsAsAnArn.test(where)))
    faults.push({
      path: ['job', 'secrets', name],
      fault: 'names a secret that ends in a hyphen and six characters, which AWS takes for the end of an ARN',
      remedy: 'Give its whole ARN.',
    })
  const own = Object.keys(job.tags).filter(
    tag => /^aws:/i.test(tag) || ['project', 'stage', 'pipeline'].includes(tag),
  )
  for (const tag of own)
    faults.push({
      path: ['job', 'tags', tag],
      fault: 'is a tag that is not yours to set',
      remedy: 'Name it otherwise.',
    })
  if (Object.keys(job.tags).length > tagsMax)
    faults.push({ path: ['job', 'tags'], fault: `are more than ${tagsMax}`, remedy: 'Leave some out.' })
  return faults
}
