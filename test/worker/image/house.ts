/** AWS around a worker: servers on 127.0.0.1 that the AWS adapters speak to, and the functions that plan a run there. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CreateTableCommand } from '@aws-sdk/client-dynamodb'
import { partition } from '../../../functions/partition.ts'
import { submit } from '../../../functions/submit.ts'
import { objectCreated } from '../../../local/events/envelope.ts'
import { createAwsClients } from '../../../shared/aws/clients.ts'
import { createS3Objects } from '../../../shared/aws/objects.ts'
import { createDynamoRecords, tableDefinition } from '../../../shared/aws/records.ts'
import { isoTime, newId, systemClock } from '../../../shared/clock.ts'
import { asEnvironment, localConfig } from '../../../shared/config.ts'
import { type AssignmentPage, stateKeys } from '../../../shared/documents.ts'
import { createMemoryBus } from '../../../shared/memory/bus.ts'
import { createMemoryChat } from '../../../shared/memory/chat.ts'
import { createMemoryObjects } from '../../../shared/memory/objects.ts'
import { pipelineSet } from '../../../shared/pipelines.ts'
import type { JobRequest } from '../../../shared/ports.ts'
import { fromItem, type PartitionRecord, recordKeys } from '../../../shared/records.ts'
import { EventType } from '../../../shared/vocabulary.ts'
import type { World } from '../../../shared/world.ts'
import { anyone, startDynalite } from '../../contract/dynamodb.ts'
import { contentOf } from '../given.ts'
import { startS3Server } from './s3-server.ts'

const roleMs = 6 * 60 * 60 * 1000

export interface House {
  /** Pipelines may be added as they are met. */
  drop(
    pipeline: { name: string; [setting: string]: unknown },
    key: string,
    content: string,
  ): Promise<JobRequest>
  /** Has the attempts of round 1 look for records that kill their process. */
  makeCareful(job: JobRequest): Promise<void>
  /** All that the container of a child finds in its environment. */
  variables(job: JobRequest, index: number): Record<string, string>
  partition(job: JobRequest, index: number): Promise<PartitionRecord | undefined>
  /** Of all objects of the output bucket or the state bucket below the prefix. */
  contents(bucket: 'output' | 'state', prefix: string): Promise<Map<string, Buffer>>
  close(): Promise<void>
}

/** Hands out the job role's credentials, as the container agent does. */
async function startRole(): Promise<{ url: string; stop(): Promise<void> }> {
  const { accessKeyId, secretAccessKey } = anyone.credentials
  const Expiration = isoTime(systemClock.now() + roleMs)
  const given = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: 'token', Expiration }
  const server = createServer((_, response) => response.end(JSON.stringify(given)))
  await new Promise<void>(ready => {
    server.listen(0, '127.0.0.1', ready)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>(closed => server.close(() => closed()))
    },
  }
}

export async function openHouse(): Promise<House> {
  const s3 = await startS3Server(createMemoryObjects({ versioned: true }))
  const dynalite = await startDynalite()
  const role = await startRole()
  const config = { ...localConfig('', ''), stage: 'prod', table: `image-${newId()}` }
  const clients = createAwsClients({ ...anyone, endpoints: { s3: s3.url, dynamodb: dynalite.url } })
  await clients.dynamodb.send(new CreateTableCommand(tableDefinition(config.table)))
  const objects = createS3Objects({ client: clients.s3 })
  const records = createDynamoRecords({ client: clients.dynamodb, table: config.table })
  const bus = createMemoryBus(systemClock)
  const submitted: JobRequest[] = []
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const jobs = {
    submit: async (request: JobRequest) => ({ jobId: `job-${submitted.push(request)}` }),
    find: async () => [],
    describe: async () => [],
    failures: async () => ({ failed: [] }),
    terminate: async () => {},
  }
  const parts = { objects, records, bus, jobs, chat: createMemoryChat(), clock: systemClock, log, config }
  const runIdOf = ({ environment }: JobRequest): string => environment.MILLRACE_RUN_ID ?? ''

  return {
    async drop(pipeline, key, content) {
      const world: World = { ...parts, pipelines: pipelineSet({ [pipeline.name]: pipeline }) }
      const ref = { bucket: config.buckets.drops, key }
      const { version = '', ...info } = await objects.write(ref, Buffer.from(content))
      const created = { ...ref, ...info, version, sequencer: '1' }
      await partition(world, objectCreated(created, systemClock.now()))
      for (const event of bus.take().filter(({ type }) => type === EventType.roundDue)) {
        await submit(world, { 'detail-type': event.type, source: 'millrace', detail: event.detail })
      }
      const job = submitted.at(-1)
      if (!job) throw new Error(`no job was submitted for ${key}`)
      return job
    },
    async makeCareful(job) {
      const ref = { bucket: config.buckets.state, key: stateKeys.assignments(runIdOf(job), 1, 0) }
      const page: AssignmentPage = JSON.parse(String(await contentOf(objects, ref.bucket, ref.key)))
      const assignments = page.assignments.map(each => ({ ...each, careful: true }))
      await objects.write(ref, Buffer.from(JSON.stringify({ ...page, assignments })))
    },
    variables: (job, index) => ({
      ...asEnvironment(config),
      ...job.environment,
      AWS_BATCH_JOB_ID: `job:${index}`,
      AWS_BATCH_JOB_ARRAY_INDEX: String(index),
      AWS_BATCH_JOB_ATTEMPT: '1',
      AWS_REGION: anyone.region,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: role.url,
      AWS_ENDPOINT_URL_S3: s3.url,
      AWS_ENDPOINT_URL_DYNAMODB: dynalite.url,
      AWS_EC2_METADATA_DISABLED: 'true',
    }),
    async partition(job, index) {
      const item = await records.get(recordKeys.partition(runIdOf(job), index))
      return item && fromItem<PartitionRecord>(item)
    },
    async contents(bucket, prefix) {
      const found = new Map<string, Buffer>()
      const name = config.buckets[bucket]
      const { objects: listed } = await objects.list(name, prefix)
      for (const { key } of listed) found.set(key, await contentOf(objects, name, key))
      return found
    },
    async close() {
      clients.s3.destroy()
      clients.dynamodb.destroy()
      await Promise.all([s3.stop(), dynalite.stop(), role.stop()])
    },
  }
}
