/** What a job will run: its definition under the overrides of its submission. Pure. */
import type { ExitRule } from './evaluate-on-exit.ts'
import type { ContainerRequest, DependencyRequest, JobDefinitionBody, SubmitJobRequest } from './requests.ts'

export interface NameValue {
  name: string
  value: string
}

export interface JobSpec {
  image: string
  /** Parameters already put in. */
  command: string[]
  environment: NameValue[]
  /** Where the values of variables are kept; never the values. */
  secrets?: { name: string; valueFrom: string }[]
  /** As asked for; the machine may have fewer. */
  vcpus: number
  memoryMiB: number
  attempts: number
  evaluateOnExit: ExitRule[]
  timeoutSeconds?: number
  parameters: Record<string, string>
  dependsOn: DependencyRequest[]
  /** Of a multi-node parallel job. */
  nodes?: number
  /** Shown only: one machine has one line. */
  shareIdentifier?: string
  tags: Record<string, string>
  propagateTags: boolean
  platformCapabilities: ('EC2' | 'FARGATE')[]
  /** Characters of the overrides as JSON: ECS takes 8,192. */
  overridesLength: number
}

/** Of a multi-node definition that of its only range. */
export function containerOf(definition: JobDefinitionBody): ContainerRequest {
  const [range] = definition.nodeProperties?.nodeRangeProperties ?? []
  return range?.container ?? definition.containerProperties ?? {}
}

export function specOf(
  definition: JobDefinitionBody,
  request: SubmitJobRequest,
  overrides: unknown,
): JobSpec {
  const base = containerOf(definition)
  const { shareIdentifier, nodeOverrides } = request
  const [overNodes] = nodeOverrides?.nodePropertyOverrides ?? []
  const over = definition.nodeProperties ? (overNodes?.containerOverrides ?? {}) : request.containerOverrides
  const nodes = definition.nodeProperties && (nodeOverrides?.numNodes ?? definition.nodeProperties.numNodes)
  const parameters = { ...definition.parameters, ...request.parameters }
  const retry = request.retryStrategy ?? definition.retryStrategy
  const timeoutSeconds = (request.timeout ?? definition.timeout)?.attemptDurationSeconds
  return {
    image: base.image ?? '',
    command: substitute(over.command ?? base.command ?? [], parameters),
    environment: overridden(base.environment ?? [], over.environment ?? []),
    secrets: base.secrets ?? [],
    ...(nodes === undefined ? {} : { nodes }),
    ...(shareIdentifier === undefined ? {} : { shareIdentifier }),
    vcpus: requirement('VCPU', over, base),
    memoryMiB: requirement('MEMORY', over, base),
    attempts: retry?.attempts ?? 1,
    evaluateOnExit: retry?.evaluateOnExit ?? [],
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    parameters,
    dependsOn: request.dependsOn,
    tags: { ...definition.tags, ...request.tags },
    propagateTags: request.propagateTags ?? definition.propagateTags,
    platformCapabilities: definition.platformCapabilities,
    overridesLength: overrides === undefined ? 0 : JSON.stringify(overrides).length,
  }
}

/** `Ref::name` becomes the parameter's value; a name without a value stays as it is. */
export function substitute(
  command: readonly string[],
  parameters: Readonly<Record<string, string>>,
): string[] {
  return command.map(word =>
    word.replace(/Ref::([A-Za-z0-9_-]+)/g, (whole, name: string) => parameters[name] ?? whole),
  )
}

function overridden(base: readonly NameValue[], over: readonly NameValue[]): NameValue[] {
  const values = new Map([...base, ...over].map(({ name, value }) => [name, value]))
  return [...values].map(([name, value]) => ({ name, value }))
}

const legacyMember = { VCPU: 'vcpus', MEMORY: 'memory' } as const

function requirement(type: 'VCPU' | 'MEMORY', ...containers: ContainerRequest[]): number {
  for (const container of containers) {
    const value = requirementOf(type, container)
    if (value !== undefined) return value
  }
  return 0
}

/** `undefined` where the container does not say. */
export function requirementOf(type: 'VCPU' | 'MEMORY', container: ContainerRequest): number | undefined {
  const asked = container.resourceRequirements?.find(each => each.type === type)
  return asked ? Number(asked.value) : container[legacyMember[type]]
}
