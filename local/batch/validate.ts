/** What Batch refuses at once, in its words where they are known. Errors: MALFORMED. */
import { checkRetryStrategy } from './evaluate-on-exit.ts'
import { refuse } from './refusal.ts'
import type { ContainerRequest, JobDefinitionBody, SubmitJobRequest } from './requests.ts'
import { containerOf, requirementOf } from './spec.ts'

const jobNamePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/
export const arraySizeMin = 2
export const arraySizeMax = 10_000
const dependenciesMax = 20
/** Quotas of the service, in KiB of JSON. */
const jobKiBMax = 30
const definitionKiBMax = 24
const tagsMax = 50

export function checkSubmission(
  request: SubmitJobRequest,
  bodyBytes: number,
  timeoutSecondsMin: number,
): void {
  checkSize('Job', bodyBytes, jobKiBMax)
  if (!jobNamePattern.test(request.jobName)) refuse('Job name should match valid pattern')
  checkArray(request)
  checkDependencies(request)
  checkContainer(request.containerOverrides)
  if (request.nodeOverrides && request.arrayProperties) refuse('A multi-node parallel job cannot be an array')
  checkRetryStrategy(request.retryStrategy)
  checkTimeout(request.timeout, timeoutSecondsMin)
  checkTags(request.tags)
}

export function checkDefinition(
  request: JobDefinitionBody,
  bodyBytes: number,
  timeoutSecondsMin: number,
): void {
  checkSize('Job definition', bodyBytes, definitionKiBMax)
  if (!jobNamePattern.test(request.jobDefinitionName))
    refuse('Job definition name should match valid pattern')
  const properties = { container: request.containerProperties, multinode: request.nodeProperties }
  if (request.type !== 'container' && request.type !== 'multinode')
    refuse(`Job definition type ${request.type} is not available locally`)
  else if (properties[request.type] === undefined)
    refuse(`The properties of a ${request.type} job are missing`)
  const container = containerOf(request)
  if (!container.image) refuse('Container image is not provided.')
  if (requirementOf('VCPU', container) === undefined) refuse('vCPU is not provided.')
  if (requirementOf('MEMORY', container) === undefined) refuse('Memory is not provided.')
  checkContainer(container)
  checkRetryStrategy(request.retryStrategy)
  checkTimeout(request.timeout, timeoutSecondsMin)
  checkTags(request.tags)
}

function checkSize(what: string, bodyBytes: number, kibMax: number): void {
  if (bodyBytes <= kibMax * 1024) return
  refuse(`${what} size must be less than ${kibMax} KiB, got ${Math.ceil(bodyBytes / 1024)} KiB`)
}

function checkArray({ arrayProperties }: SubmitJobRequest): void {
  if (arrayProperties === undefined) return
  const { size } = arrayProperties
  if (size === undefined || size < arraySizeMin || size > arraySizeMax) {
    refuse(`Array size must be between ${arraySizeMin} and ${arraySizeMax}`)
  }
}

function checkDependencies({ dependsOn, arrayProperties }: SubmitJobRequest): void {
  if (dependsOn.length > dependenciesMax) refuse(`Up to ${dependenciesMax} dependencies can be specified.`)
  for (const { jobId, type } of dependsOn) {
    if (type !== undefined && arrayProperties === undefined) {
      refuse(`Dependency type ${type} is for array jobs only`)
    }
    if (type === 'SEQUENTIAL' && jobId !== undefined) refuse('A SEQUENTIAL dependency takes no job id')
    if (type !== 'SEQUENTIAL' && jobId === undefined) refuse('Job id is missing in a dependency')
  }
}

function checkContainer(container: ContainerRequest): void {
  for (const { name } of container.environment ?? []) {
    if (name.startsWith('AWS_BATCH')) {
      refuse(`Environment variable ${name} is reserved: names must not start with AWS_BATCH`)
    }
  }
  if (container.command?.includes('')) refuse('Container command must not contain an empty string')
  for (const { type } of container.resourceRequirements ?? []) {
    if (!['VCPU', 'MEMORY', 'GPU'].includes(type)) refuse(`Resource requirement type ${type} is not valid`)
  }
  const vcpus = requirementOf('VCPU', container)
  if (vcpus !== undefined && !(vcpus > 0)) refuse('VCPU must be a number above 0')
  const memoryMiB = requirementOf('MEMORY', container)
  if (memoryMiB !== undefined && !(Number.isInteger(memoryMiB) && memoryMiB >= 4)) {
    refuse('MEMORY must be a whole number of at least 4 MiB')
  }
}

function checkTimeout(timeout: SubmitJobRequest['timeout'], secondsMin: number): void {
  if (timeout === undefined) return
  const seconds = timeout.attemptDurationSeconds
  if (seconds === undefined || seconds < secondsMin) {
    refuse(`Timeout attemptDurationSeconds must be at least ${secondsMin} seconds`)
  }
}

function checkTags(tags: Record<string, string>): void {
  if (Object.keys(tags).length > tagsMax) refuse(`Up to ${tagsMax} tags can be specified.`)
}
