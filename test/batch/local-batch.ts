/** A local Batch of a test's own, the SDK client that drives it, and the events it sends. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import {
  BatchClient,
  CancelJobCommand,
  DescribeJobsCommand,
  type JobDetail,
  RegisterJobDefinitionCommand,
  SubmitJobCommand,
  type SubmitJobCommandInput,
  TerminateJobCommand,
} from '@aws-sdk/client-batch'
import { logStreamName } from '../../local/batch/names.ts'
import { identityOf } from '../../local/batch/process.ts'
import { type BatchServer, type BatchServerOptions, startBatchServer } from '../../local/batch/server.ts'
import { createMemoryClock, type MemoryClock } from '../../shared/memory/clock.ts'
import type { Log } from '../../shared/ports.ts'
import type { JobStatus } from '../../shared/vocabulary.ts'

export interface StateChange {
  id: string
  'detail-type': string
  source: string
  resources: string[]
  detail: JobDetail
}

export const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }
export const fixture = (name: string, ...words: string[]): string[] => [
  process.execPath,
  path.join(import.meta.dirname, 'fixtures', name),
  ...words,
]

export interface LocalBatch {
  server: BatchServer
  client: BatchClient
  clock: MemoryClock
  dir: string
  queueArn: string
  events: StateChange[]
  /** The first event, past or future, that fits. */
  event: (fits: (event: StateChange) => boolean) => Promise<StateChange>
  reaches: (jobId: string, status: JobStatus) => Promise<StateChange>
  submit: (command: string[], input?: Partial<SubmitJobCommandInput>) => Promise<string>
  describe: (jobId: string) => Promise<JobDetail>
  terminate: (jobId: string, reason: string) => Promise<void>
  cancel: (jobId: string, reason: string) => Promise<void>
  /** What the attempt has printed. */
  logOf: (jobId: string, attempt?: number) => string
  stop: () => Promise<void>
  [Symbol.asyncDispose]: () => Promise<void>
}

export const startMs = 1_800_000_000_000

/** Closed with `await using`. `dir`: of an earlier one, to go on where it stopped. */
export async function openLocalBatch(
  options: Partial<BatchServerOptions> & { dir?: string } = {},
): Promise<LocalBatch> {
  const { dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-batch-')), ...rest } = options
  const clock = createMemoryClock(startMs)
  const inbox = createInbox()
  const server = await startBatchServer({
    dbFile: path.join(dir, 'batch.db'),
    logsDir: path.join(dir, 'logs'),
    clock,
    log: silent,
    cores: 2,
    emit: async event => inbox.take(event as StateChange),
    baseEnvironment: { PATH: '/usr/bin:/bin' },
    cwd: dir,
    ...rest,
  })
  const client = clientFor(server.url)
  const stop = async (): Promise<void> => {
    client.destroy()
    await server.stop()
  }
  const batch: LocalBatch = {
    server,
    client,
    clock,
    dir,
    queueArn: 'arn:aws:batch:us-east-1:000000000000:job-queue/spot',
    events: inbox.events,
    event: inbox.event,
    reaches: (jobId, status) =>
      inbox.event(({ detail }) => detail.jobId === jobId && detail.status === status),
    submit: (command, input) => submitWith(client, command, input),
    describe: jobId => describe(client, jobId),
    terminate: async (jobId, reason) => {
      await client.send(new TerminateJobCommand({ jobId, reason }))
    },
    cancel: async (jobId, reason) => {
      await client.send(new CancelJobCommand({ jobId, reason }))
    },
    logOf: (jobId, attempt = 1) =>
      readFileSync(path.join(dir, 'logs', logStreamName(jobId, attempt)), 'utf8'),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  await register(client)
  return batch
}

export function clientFor(endpoint: string): BatchClient {
  return new BatchClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  })
}

function createInbox() {
  const events: StateChange[] = []
  const waiting: { fits: (event: StateChange) => boolean; resolve: (event: StateChange) => void }[] = []
  return {
    events,
    take(event: StateChange): void {
      events.push(event)
      for (const each of waiting) if (each.fits(event)) each.resolve(event)
    },
    async event(fits: (event: StateChange) => boolean): Promise<StateChange> {
      const past = events.find(fits)
      if (past) return past
      const { promise, resolve } = Promise.withResolvers<StateChange>()
      waiting.push({ fits, resolve })
      return await promise
    },
  }
}

export async function register(client: BatchClient): Promise<void> {
  await client.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: 'program',
      type: 'container',
      containerProperties: {
        image: 'program',
        resourceRequirements: [
          { type: 'VCPU', value: '1' },
          { type: 'MEMORY', value: '64' },
        ],
      },
    }),
  )
}

export async function submitWith(
  client: BatchClient,
  command: string[],
  { containerOverrides, ...input }: Partial<SubmitJobCommandInput> = {},
): Promise<string> {
  const answer = await client.send(
    new SubmitJobCommand({
      jobName: 'test',
      jobQueue: 'spot',
      jobDefinition: 'program',
      containerOverrides: { command, ...containerOverrides },
      ...input,
    }),
  )
  return answer.jobId ?? ''
}

async function describe(client: BatchClient, jobId: string): Promise<JobDetail> {
  const { jobs } = await client.send(new DescribeJobsCommand({ jobs: [jobId] }))
  const [job] = jobs ?? []
  if (!job) throw new Error(`No job ${jobId}`)
  return job
}

export const retrySpot = {
  attempts: 5,
  evaluateOnExit: [
    { onStatusReason: 'Host EC2*', action: 'RETRY' as const },
    { onReason: '*', action: 'EXIT' as const },
  ],
}
export const statusesOf = (events: StateChange[], jobId: string): (JobStatus | undefined)[] =>
  events.filter(({ detail }) => detail.jobId === jobId).map(({ detail }) => detail.status)

/** Until the attempt has printed it: only then does it do what its fixture says. */
export async function ready(
  batch: { dir: string },
  jobId: string,
  words = 'ready',
  attempt = 1,
): Promise<void> {
  const file = path.join(batch.dir, 'logs', logStreamName(jobId, attempt))
  await until(() => existsSync(file) && readFileSync(file, 'utf8').includes(words), `${jobId} says ${words}`)
}

/** Until there is no such process. */
export async function gone(pid: number): Promise<void> {
  await until(() => identityOf(pid) === undefined, `process ${pid} is gone`)
}

const turnsMax = 2_000_000

/** Looks again at every turn of the event loop: what another process does sends us no event. */
async function until(holds: () => boolean, what: string): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    if (turns === turnsMax) throw new Error(`It never came true that ${what}`)
    await turn()
  }
}
