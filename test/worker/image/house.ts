/** AWS around a worker: servers on 127.0.0.1 that the AWS adapters speak to, and the functions that plan a run there. */
import { createServer } from 'node:http'
import { CreateTableCommand } from '@aws-sdk/client-dynamodb'
import { partition } from '../../../functions/partition.ts'
import { submit } from '../../../functions/submit.ts'
import { envelope, objectCreated } from '../../../local/events/envelope.ts'
import { createAwsClients } from '../../../shared/aws/clients.ts'
import { createS3Objects } from '../../../shared/aws/objects.ts'
import { createDynamoRecords, tableDefinition } from '../../../shared/aws/records.ts'
import { isoTime, newId, systemClock } from '../../../shared/clock.ts'
import { asEnvironment, localConfig } from '../../../shared/config.ts'
import { type AssignmentPage, stateKeys } from '../../../shared/documents.ts'
import { createMemoryBus } from '../../../shared/memory/bus.ts'
import { createMemoryChat } from '../../../shared/memory/chat.ts'
import { createMemoryObjects } from '../../../shared/memory/objects.ts'
import type { PipelineInput } from '../../../shared/pipeline.ts'
import { pipelineSet } from '../../../shared/pipelines.ts'
import type { JobRequest, Objects, Records } from '../../../shared/ports.ts'
import { fromItem, type PartitionRecord, recordKeys } from '../../../shared/records.ts'
import { EventType, ownSource } from '../../../shared/vocabulary.ts'
import type { World } from '../../../shared/world.ts'
import { anyone, startDynalite } from '../../contract/dynamodb.ts'
import { contentOf } from '../given.ts'
import { type Listening, listening, startS3Server } from './s3-server.ts'

const roleMs = 6 * 60 * 60 * 1000

/** Hands out the job role's credentials, as the container agent does. */
function startRole(): Promise<Listening> {
  const { accessKeyId, secretAccessKey } = anyone.credentials
  const Expiration = isoTime(systemClock.now() + roleMs)
  const given = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: 'token', Expiration }
  return listening(createServer((_, response) => response.end(JSON.stringify(given))))
}

export async function openHouse(): Promise<House> {
  const [s3, dynamodb, role] = await Promise.all([
    startS3Server(createMemoryObjects({ versioned: true })),
    startDynalite(),
    startRole(),
  ])
  const house = new House({ s3, dynamodb, role })
  await house.open()
  return house
}

const runIdOf = ({ environment }: JobRequest): string => environment.MILLRACE_RUN_ID ?? ''

export class House {
  readonly #servers: { s3: Listening; dynamodb: Listening; role: Listening }
  readonly #clients
  readonly #config = { ...localConfig('', ''), stage: 'prod', table: `image-${newId()}` }
  readonly #bus = createMemoryBus(systemClock)
  readonly #submitted: JobRequest[] = []
  readonly #objects: Objects
  readonly #records: Records

  constructor(servers: { s3: Listening; dynamodb: Listening; role: Listening }) {
    this.#servers = servers
    const endpoints = { s3: servers.s3.url, dynamodb: servers.dynamodb.url }
    this.#clients = createAwsClients({ ...anyone, endpoints })
    this.#objects = createS3Objects({ client: this.#clients.s3 })
    this.#records = createDynamoRecords({ client: this.#clients.dynamodb, table: this.#config.table })
  }

  async open(): Promise<void> {
    await this.#clients.dynamodb.send(new CreateTableCommand(tableDefinition(this.#config.table)))
  }

  /** Plans the run and submits its first round. */
  async drop(pipeline: PipelineInput, key: string, content: string): Promise<JobRequest> {
    const world = this.#worldOf(pipeline)
    const ref = { bucket: this.#config.buckets.drops, key }
    const { version = '', ...info } = await this.#objects.write(ref, Buffer.from(content))
    await partition(world, objectCreated({ ...ref, ...info, version, sequencer: '1' }, systemClock.now()))
    for (const { type, detail } of this.#bus.take().filter(one => one.type === EventType.roundDue)) {
      await submit(world, envelope(ownSource, type, detail, systemClock.now()))
    }
    const job = this.#submitted.at(-1)
    if (!job) throw new Error(`no job was submitted for ${key}`)
    return job
  }

  #worldOf(pipeline: PipelineInput): World {
    return {
      objects: this.#objects,
      records: this.#records,
      bus: this.#bus,
      jobs: {
        submit: async request => ({ jobId: `job-${this.#submitted.push(request)}` }),
        find: async () => [],
        describe: async () => [],
        failures: async () => ({ failed: [] }),
        terminate: async () => {},
      },
      chat: createMemoryChat(),
      clock: systemClock,
      log: { info: () => {}, warn: () => {}, error: () => {} },
      config: this.#config,
      pipelines: pipelineSet({ [pipeline.name]: pipeline }),
    }
  }

  /** Has the attempts of round 1 look for records that kill their process. */
  async makeCareful(job: JobRequest): Promise<void> {
    const ref = { bucket: this.#config.buckets.state, key: stateKeys.assignments(runIdOf(job), 1, 0) }
    const page: AssignmentPage = JSON.parse(String(await contentOf(this.#objects, ref.bucket, ref.key)))
    const assignments = page.assignments.map(each => ({ ...each, careful: true }))
    await this.#objects.write(ref, Buffer.from(JSON.stringify({ ...page, assignments })))
  }

  /** What the container of a child finds in its environment, beside the image's own. */
  variables(job: JobRequest, index: number): Record<string, string> {
    const { s3, dynamodb, role } = this.#servers
    return {
      ...asEnvironment(this.#config),
      ...job.environment,
      AWS_BATCH_JOB_ID: `job:${index}`,
      AWS_BATCH_JOB_ARRAY_INDEX: String(index),
      AWS_BATCH_JOB_ATTEMPT: '1',
      AWS_REGION: anyone.region,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${role.url}/`,
      AWS_ENDPOINT_URL_S3: s3.url,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
      AWS_EC2_METADATA_DISABLED: 'true',
    }
  }

  async partition(job: JobRequest, index: number): Promise<PartitionRecord | undefined> {
    const item = await this.#records.get(recordKeys.partition(runIdOf(job), index))
    return item && fromItem<PartitionRecord>(item)
  }

  /** Of all objects of the output bucket or the state bucket below the prefix. */
  async contents(bucket: 'output' | 'state', prefix: string): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>()
    const name = this.#config.buckets[bucket]
    const { objects } = await this.#objects.list(name, prefix)
    for (const { key } of objects) found.set(key, await contentOf(this.#objects, name, key))
    return found
  }

  async close(): Promise<void> {
    this.#clients.s3.destroy()
    this.#clients.dynamodb.destroy()
    await Promise.all(Object.values(this.#servers).map(server => server.stop()))
  }
}
