/** A deployed stack, found by its CloudFormation outputs. */
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { SQSClient } from '@aws-sdk/client-sqs'
import { loadPipelines } from '../local/pipelines.ts'
import { createSqsDeadLetters } from '../shared/aws/dead-letters.ts'
import { createAwsPorts } from '../shared/aws/ports.ts'
import type { Config } from '../shared/config.ts'
import type { DeadLetters } from '../shared/dead-letters.ts'
import { MillraceError } from '../shared/errors.ts'
import { silentLog } from '../shared/log.ts'
import type { Bus } from '../shared/ports.ts'
import type { GlobalOptions } from './options.ts'
import type { OpenStage } from './stage.ts'

/** Errors: NOT_FOUND where there is no such stack or no access to it; the remedy says which. */
export async function openAwsStage(options: GlobalOptions): Promise<OpenStage> {
  const outputs = await stackOutputs(`millrace-${options.stage}`)
  const config = configOf(options, outputs)
  const pipelines = await loadPipelines(options.pipelinesDir)
  const ports = createAwsPorts(config)
  return {
    world: { ...ports, chat: { post: refuseChat }, config, pipelines, log: silentLog },
    place: (bucket, key) => `s3://${bucket}/${key}`,
    keepUp: async () => {},
    close: async () => {},
  }
}

/** Errors: as of `openAwsStage`. */
export async function openAwsDeadLetters(
  options: GlobalOptions,
  { bus }: { bus: Bus },
): Promise<DeadLetters> {
  const outputs = await stackOutputs(`millrace-${options.stage}`)
  const urls = {
    DropsDlq: outputs.get('DropsDlq') ?? '',
    JobsDlq: outputs.get('JobsDlq') ?? '',
    FunctionsDlq: outputs.get('FunctionsDlq') ?? '',
  }
  return createSqsDeadLetters({ client: new SQSClient({}), bus, urls })
}

async function refuseChat(): Promise<never> {
  throw new MillraceError('NOT_ALLOWED', 'The command line does not post to Slack; the notify function does.')
}

async function stackOutputs(name: string): Promise<Map<string, string>> {
  try {
    const { Stacks } = await new CloudFormationClient({}).send(new DescribeStacksCommand({ StackName: name }))
    return new Map(
      (Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey ?? '', OutputValue ?? '']),
    )
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new MillraceError('NOT_FOUND', `Cannot read the stack ${name}: ${words}`, {
      cause,
      remedy:
        'Check --stage, AWS_REGION and the credentials (AWS_PROFILE); the stack is made by `npm run deploy`.',
    })
  }
}

function configOf(options: GlobalOptions, outputs: Map<string, string>): Config {
  const missing: string[] = []
  const output = (name: string): string => {
    const value = outputs.get(name)
    if (value === undefined) missing.push(name)
    return value ?? ''
  }
  const config: Config = {
    stage: options.stage,
    table: output('Table'),
    buckets: { drops: output('DropsBucket'), state: output('StateBucket'), output: output('OutputBucket') },
    bus: output('Bus'),
    jobPrefix: output('JobPrefix'),
    fairShare: outputs.get('FairShare') === 'true',
    // A person's command speaks at once: nothing of it waits for a schedule.
    schedulerRoleArn: '',
    busArn: '',
    slackSecret: '',
    dataDir: options.dataDir,
    pipelinesDir: options.pipelinesDir,
  }
  if (missing.length === 0) return config
  throw new MillraceError('NOT_FOUND', `The stack lacks the outputs ${missing.join(', ')}`, {
    remedy: 'It was deployed by an older version: deploy it again.',
  })
}
