/** The only reader of the environment: read once, whole, and loudly. */
import { MillraceError } from './errors.ts'

/** Where things are. Locally the names are short and the rest is unused. */
export interface Config {
  stage: string
  table: string
  buckets: { drops: string; state: string; output: string }
  bus: string
  /** Names of job queues and job definitions begin with it (shared/placement.ts). */
  jobPrefix: string
  /** Whether the job queues share their capacity between pipelines, by weight, and not first come, first served. */
  fairShare: boolean
  /** Role with which EventBridge Scheduler puts a delayed event on our bus, and that bus. */
  schedulerRoleArn: string
  busArn: string
  /** Secrets Manager name of `{"botToken": ...}` or `{"webhookUrl": ...}`; empty: Slack is not used. */
  slackSecret: string
  /** Local stage only. */
  dataDir: string
  pipelinesDir: string
}

const variables = {
  stage: 'MILLRACE_STAGE',
  table: 'MILLRACE_TABLE',
  drops: 'MILLRACE_DROPS_BUCKET',
  state: 'MILLRACE_STATE_BUCKET',
  output: 'MILLRACE_OUTPUT_BUCKET',
  bus: 'MILLRACE_BUS',
  jobPrefix: 'MILLRACE_JOB_PREFIX',
} as const

export type Environment = Readonly<Record<string, string | undefined>>

/** Our own process's environment; everything else is handed one. */
export function environment(): Environment {
  return process.env
}

/** Not the local stack, though it runs the same functions. */
export function isLambda(env: Environment): boolean {
  return env.AWS_LAMBDA_FUNCTION_NAME !== undefined
}

/** Of an EC2 instance's metadata, by the names that AWS's own SDKs use; absent: it is not to be asked. */
export function metadataUrlOf(env: Environment): string | undefined {
  if (env.AWS_EC2_METADATA_DISABLED === 'true') return undefined
  return env.AWS_EC2_METADATA_SERVICE_ENDPOINT || 'http://169.254.169.254'
}

/** Errors: CONFIG_INVALID naming every variable that is missing. */
export function configFrom(env: Environment): Config {
  const missing = Object.values(variables).filter(name => !env[name])
  if (missing.length > 0) {
    throw new MillraceError('CONFIG_INVALID', `Not set in the environment: ${missing.join(', ')}`, {
      remedy: 'serverless.yml sets these for the functions and the job definition; deploy the stack again.',
    })
  }
  const value = (name: string): string => env[name] ?? ''
  return {
    stage: value(variables.stage),
    table: value(variables.table),
    buckets: {
      drops: value(variables.drops),
      state: value(variables.state),
      output: value(variables.output),
    },
    bus: value(variables.bus),
    jobPrefix: value(variables.jobPrefix),
    fairShare: value('MILLRACE_FAIR_SHARE') === 'true',
    schedulerRoleArn: value('MILLRACE_SCHEDULER_ROLE_ARN'),
    busArn: value('MILLRACE_BUS_ARN'),
    slackSecret: value('MILLRACE_SLACK_SECRET'),
    dataDir: value('MILLRACE_DATA_DIR'),
    pipelinesDir: value('MILLRACE_PIPELINES_DIR'),
  }
}

/** The names that the embedded stack gives its parts. */
export function localConfig(dataDir: string, pipelinesDir: string): Config {
  return {
    stage: 'local',
    table: 'millrace',
    buckets: { drops: 'drops', state: 'state', output: 'output' },
    bus: 'millrace',
    jobPrefix: 'millrace-local',
    fairShare: false,
    schedulerRoleArn: '',
    busArn: '',
    slackSecret: '',
    dataDir,
    pipelinesDir,
  }
}

/** The other way round: what a worker needs in its environment to read the same configuration. */
export function asEnvironment(config: Config): Record<string, string> {
  return {
    [variables.stage]: config.stage,
    [variables.table]: config.table,
    [variables.drops]: config.buckets.drops,
    [variables.state]: config.buckets.state,
    [variables.output]: config.buckets.output,
    [variables.bus]: config.bus,
    [variables.jobPrefix]: config.jobPrefix,
    MILLRACE_FAIR_SHARE: String(config.fairShare),
    MILLRACE_DATA_DIR: config.dataDir,
    MILLRACE_PIPELINES_DIR: config.pipelinesDir,
  }
}
