/** CloudFormation stacks: how they are, and the small one that holds the worker's image. */
import {
  type CloudFormationClient,
  CreateStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  type Stack,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation'
import { MillraceError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/ports.ts'

const lookEveryMs = 5_000
/** An hour. */
const looksMax = 720

export const stackName = (stage: string): string => `millrace-${stage}`
export const imageStackName = (stage: string): string => `${stackName(stage)}-image`

export interface StackNow {
  status: string
  outputs: Record<string, string>
}

/** `undefined`: there is no such stack. Errors: the service's own. */
export async function stackNow(client: CloudFormationClient, name: string): Promise<StackNow | undefined> {
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: name }))
    return Stacks?.[0] && { status: Stacks[0].StackStatus ?? '', outputs: outputsOf(Stacks[0]) }
  } catch (error) {
    if (/does not exist/.test((error as Error).message)) return undefined
    throw error
  }
}

function outputsOf({ Outputs = [] }: Stack): Record<string, string> {
  return Object.fromEntries(Outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]))
}

/** What keeps a stack in that state from being deployed, and what to do; `undefined`: nothing. */
export function stuckStack(name: string, status: string): { fault: string; remedy: string } | undefined {
  if (status.endsWith('_IN_PROGRESS')) {
    return {
      fault: `stack ${name} is being changed (${status})`,
      remedy: 'Wait until that is done, and deploy again.',
    }
  }
  if (
    /^ROLLBACK_|^(CREATE|DELETE|UPDATE_ROLLBACK)_FAILED$/.test(status) &&
    status !== 'UPDATE_ROLLBACK_COMPLETE'
  ) {
    return {
      fault: `stack ${name} is left over from a deployment that failed (${status})`,
      remedy: `Look why at its events; then remove it (docs/deploy.md, "Remove") and deploy again.`,
    }
  }
  return undefined
}

export interface Wanted {
  name: string
  body: string
  parameters: Record<string, string>
  tags: Record<string, string>
}

/** Makes it, or brings it up to date, and waits. Errors: REQUEST_REFUSED with the first reason CloudFormation gives. */
export async function putStack(
  client: CloudFormationClient,
  clock: Clock,
  wanted: Wanted,
): Promise<StackNow> {
  const before = await stackNow(client, wanted.name)
  const input = {
    StackName: wanted.name,
    TemplateBody: wanted.body,
    Capabilities: ['CAPABILITY_IAM' as const],
    Parameters: Object.entries(wanted.parameters).map(([ParameterKey, ParameterValue]) => ({
      ParameterKey,
      ParameterValue,
    })),
    Tags: Object.entries(wanted.tags).map(([Key, Value]) => ({ Key, Value })),
  }
  if (before === undefined) await client.send(new CreateStackCommand(input))
  else if (!(await hasUpdate(client, input))) return before
  return settled(client, clock, wanted.name)
}

async function hasUpdate(
  client: CloudFormationClient,
  input: ConstructorParameters<typeof UpdateStackCommand>[0],
): Promise<boolean> {
  try {
    await client.send(new UpdateStackCommand(input))
    return true
  } catch (error) {
    if (/No updates are to be performed/.test((error as Error).message)) return false
    throw error
  }
}

async function settled(client: CloudFormationClient, clock: Clock, name: string): Promise<StackNow> {
  for (let looks = 0; looks < looksMax; looks++) {
    const now = await stackNow(client, name)
    if (now !== undefined && /^(CREATE|UPDATE)_COMPLETE$/.test(now.status)) return now
    if (now === undefined || !now.status.endsWith('_IN_PROGRESS')) {
      throw new MillraceError('REQUEST_REFUSED', `Stack ${name}: ${await firstReason(client, name)}`, {
        remedy: stuckStack(name, now?.status ?? '')?.remedy ?? 'Correct the cause and deploy again.',
      })
    }
    await clock.sleep(lookEveryMs)
  }
  throw new MillraceError('TEMPORARY_FAILURE', `Stack ${name} is not done after an hour`, {
    remedy: 'Look at its events in the CloudFormation console.',
  })
}

/** The oldest failure among the newest events: what came after it are its consequences. */
async function firstReason(client: CloudFormationClient, name: string): Promise<string> {
  const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName: name }))
  const failed = StackEvents.filter(({ ResourceStatus = '' }) => ResourceStatus.endsWith('_FAILED')).at(-1)
  if (failed === undefined) return 'it failed, and no event says why'
  return `${failed.LogicalResourceId}: ${failed.ResourceStatusReason ?? failed.ResourceStatus}`
}
