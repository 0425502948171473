/**
 * What the house asks of its ports in memory, asked once more of the AWS adapters: each call by its caller, with the
 * settings that the template gives it, on clients that nobody answers but a stand-in, and that are recorded.
 */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { createEventBridgeBus } from '../../../shared/aws/bus.ts'
import { createAwsClients } from '../../../shared/aws/clients.ts'
import { createBatchJobs } from '../../../shared/aws/jobs.ts'
import { createS3Objects } from '../../../shared/aws/objects.ts'
import { createDynamoRecords } from '../../../shared/aws/records.ts'
import { type Config, localConfig } from '../../../shared/config.ts'
import { isError } from '../../../shared/errors.ts'
import { createMemoryClock } from '../../../shared/memory/clock.ts'
import type { Ports } from '../../../shared/ports.ts'
import { answerOf } from './answers.ts'
import { type Caller, workerOf } from './callers.ts'
import { record, standIn } from './recorder.ts'
import { region } from './resolve.ts'
import type { Need } from './statements.ts'

export interface Seen {
  by: string
  /** One process of theirs: calls of one worker are all of one pipeline. */
  life: number
  port: string
  method: string
  given: unknown[]
  /** Whether it was to be found that an object is not there. */
  missing: boolean
}

const observedPorts = ['objects', 'records', 'jobs', 'bus', 'chat'] as const
const anyone = { region, credentials: { accessKeyId: 'anyone', secretAccessKey: 'anything' } }

/** To hand to a house as `observed`: of the ports that are there. A call is seen once it has come back, whatever came of it. */
export function observer(seen: (call: Seen) => void): (ports: Ports, by: string) => Ports {
  let lives = 0
  return (ports, by) => {
    const life = lives++
    return {
      ...ports,
      ...Object.fromEntries(
        observedPorts
          .filter(port => ports[port] !== undefined)
          .map(port => [port, watched(ports[port], port, call => seen({ by, life, ...call }))]),
      ),
    }
  }
}

/** The callers by their lives: a function by its name, a worker by its pipeline, which its run's id begins with. */
export function callersOf(seen: readonly Seen[]): Map<number, string> {
  const found = new Map<number, string>()
  for (const { by, life, given } of seen) {
    if (by !== 'worker') found.set(life, by)
    else if (!found.has(life)) {
      const [, pipeline] = /([a-z][a-z0-9-]*)_[0-9a-f]{8}/.exec(JSON.stringify(given)) ?? []
      if (pipeline !== undefined) found.set(life, workerOf(pipeline))
    }
  }
  return found
}

type Call = Omit<Seen, 'by' | 'life'>

function watched(target: object, port: string, seen: (call: Call) => void): object {
  return new Proxy(target, {
    get(_, method) {
      const found: unknown = Reflect.get(target, method)
      if (typeof found !== 'function') return found
      return (...given: unknown[]) => {
        const came = found.apply(target, given) as Promise<unknown>
        const tell = (missing: boolean): void =>
          seen({ port, method: String(method), given: kept(given), missing })
        came.then(
          result => tell(method === 'head' && result === undefined),
          error => tell(isError(error, 'OBJECT_MISSING') || isError(error, 'SOURCE_CHANGED')),
        )
        return came
      }
    },
  })
}

const isFile = (one: unknown): boolean => typeof one === 'object' && one !== null && 'file' in one

/** Files are gone by the time of the replay; that large ones go up in parts is a story of its own. */
function kept(given: unknown[]): unknown[] {
  return given.map(one => (isFile(one) ? Buffer.alloc(0) : one))
}

/** One caller in AWS. `told` takes what every command that it sends needs. */
export class Replayed {
  readonly #ports: Readonly<Record<string, object>>
  readonly #names: Readonly<Record<string, string>>
  #missing = false
  #refuses = false

  constructor({ config }: Caller, told: (needs: Need[], command: string) => void) {
    const clients = createAwsClients(anyone)
    const { s3, dynamodb, batch, events, scheduler } = clients
    const secrets = new SecretsManagerClient(anyone)
    for (const client of [s3, dynamodb, batch, events, scheduler, secrets]) {
      record(client, told)
      standIn(client, (command, input) =>
        answerOf(command, input, { missing: this.#missing, refuses: this.#refuses }),
      )
    }
    this.#names = namesIn(config)
    // What is due is due later, so that it is scheduled; where it was due at once it was published as well.
    const clock = createMemoryClock(0)
    this.#ports = {
      objects: createS3Objects({ client: s3 }),
      records: createDynamoRecords({ client: dynamodb, table: config.table }),
      jobs: createBatchJobs({ client: batch, clock }),
      bus: createEventBridgeBus({ events, scheduler, config, clock }),
      // As shared/aws/secrets.ts asks for it, through a client that Powertools builds itself.
      chat: { post: () => secrets.send(new GetSecretValueCommand({ SecretId: config.slackSecret })) },
    }
  }

  /** Errors: whatever the adapter says but that an object is not there. */
  async replay({ port, method, given, missing }: Call): Promise<void> {
    this.#missing = missing
    // Batch may also say that it cannot end the job, and is then asked why.
    if (method === 'terminate') await this.#call({ port, method, given })
    this.#refuses = method === 'terminate'
    await this.#call({ port, method, given })
  }

  async #call({ port, method, given }: Pick<Seen, 'port' | 'method' | 'given'>): Promise<void> {
    const found = Reflect.get(this.#ports[port] ?? {}, method) as (...given: unknown[]) => Promise<unknown>
    try {
      await found(...(renamed(given, this.#names) as unknown[]))
    } catch (error) {
      if (!isError(error, 'OBJECT_MISSING') && !isError(error, 'SOURCE_CHANGED')) throw error
    }
  }
}

/** The names of the house's parts, as they are called in AWS. */
function namesIn(config: Config): Record<string, string> {
  const local = localConfig('', '')
  return {
    jobs: `${local.jobPrefix} ${config.jobPrefix}`,
    [`bucket ${local.buckets.drops}`]: config.buckets.drops,
    [`bucket ${local.buckets.state}`]: config.buckets.state,
    [`bucket ${local.buckets.output}`]: config.buckets.output,
  }
}

/** Queues and definitions begin with the same word. A bucket may also be the argument itself: `list(bucket, …)`. */
function renamed(value: unknown, names: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return nameOf(`bucket ${value}`, value, names)
  if (Array.isArray(value))
    return value.map(one => (typeof one === 'string' ? renamed(one, names) : deep(one, names)))
  return deep(value, names)
}

function nameOf(what: string, text: string, names: Readonly<Record<string, string>>): string {
  const [[local = '', deployed = ''] = []] = [names.jobs?.split(' ') ?? []]
  if (local !== '' && /^[-_]/.test(text.startsWith(local) ? text.slice(local.length) : ''))
    return `${deployed}${text.slice(local.length)}`
  return names[what] ?? text
}

function deep(value: unknown, names: Readonly<Record<string, string>>): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(one => deep(one, names))
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      typeof one === 'string' ? nameOf(`${name} ${one}`, one, names) : deep(one, names),
    ]),
  )
}
