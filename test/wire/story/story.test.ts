/**
 * From a drop to a certificate on the AWS adapters, against servers that other people wrote, all made by the packaged
 * template: functions and workers are processes with the environment that it gives them, and may call what it grants.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { verdictOn } from '../../../cli/verify.ts'
import { partitionBytesMetadata } from '../../../functions/steps/sources.ts'
import type { BatchServer } from '../../../local/batch/server.ts'
import { objectCreated, scheduledEvent } from '../../../local/events/envelope.ts'
import { createS3Objects } from '../../../shared/aws/objects.ts'
import { createDynamoRecords } from '../../../shared/aws/records.ts'
import type { Certificate } from '../../../shared/certificate.ts'
import { systemClock } from '../../../shared/clock.ts'
import type { Config } from '../../../shared/config.ts'
import { isOpen } from '../../../shared/lifecycle.ts'
import { pipelineSet } from '../../../shared/pipelines.ts'
import { runIdOf } from '../../../shared/plan.ts'
import { fromItem, type RoundRecord, type RunRecord, recordKeys } from '../../../shared/records.ts'
import { EventType, functionNames, RunState } from '../../../shared/vocabulary.ts'
import type { World } from '../../../shared/world.ts'
import { type Packaged, packagePipelines } from '../../infra/packaged.ts'
import { callersIn } from '../../infra/policy/callers.ts'
import { keysOf } from '../../infra/policy/keys.ts'
import { grantsOf, judge, type Need } from '../../infra/policy/statements.ts'
import { until } from '../../story/story.ts'
import { python } from '../servers.ts'
import { type Functions, openFunctions } from './functions.ts'
import { openJobs } from './jobs.ts'
import { type Messages, openMessages, scheduledFunctions } from './messages.ts'
import type { Call } from './preload.ts'
import { missing, openServers, type Servers } from './servers.ts'

const readings = {
  name: 'readings',
  source: { prefix: 'readings/', format: 'csv', columns: { id: 'INTEGER', value: 'DOUBLE' } },
  work: { sql: 'SELECT id, value FROM input' },
  output: { prefix: 'curated/readings/' },
  job: { memoryMiB: 512, queue: 'critical' },
  retry: { attempts: 3, backoffSeconds: 1 },
  notify: { slack: '#readings', on: ['SUCCEEDED', 'FAILED'] },
}
const pipelines = pipelineSet({ 'readings.ts': readings })
const secret = 'millrace/wire'
const worker = 'worker'
const rows = 3_000
const partitionBytes = 12_000
/** Of the partitions from 0: whose instance is taken, and which is cut off from S3 once. */
const [reclaimed, cutOff] = [1, 2]

if (missing === undefined) describe('In AWS as the packaged template has it', onServers)
else it('cannot play the story in AWS', { skip: missing })

function onServers(): void {
  let dir: string
  let packaged: Packaged
  let servers: Servers
  let functions: Functions
  let messages: Messages
  let batch: BatchServer
  let slack: Server
  const said: string[] = []
  let world: World
  let run: RunRecord

  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'millrace-wire-'))
    packaged = await packagePipelines(pipelines, '--param', `slackSecret=${secret}`)
    slack = await listening(said)
    const webhookUrl = `http://127.0.0.1:${(slack.address() as AddressInfo).port}/hook`
    servers = await openServers(packaged.template, { name: secret, value: { webhookUrl } })
    const { stack, environment, clients } = servers
    const file = path.join(dir, 'pipelines.mjs')
    const definitions = [{ file: 'readings.ts', definition: readings }]
    await writeFile(file, `export const definitions = ${JSON.stringify(definitions)}\n`)
    const callsOf = (caller: string) => ({ MILLRACE_WIRE_CALLS: path.join(dir, `${caller}.calls`) })
    const emit = (event: Parameters<Messages['put']>[0]) => messages.put(event)
    const more = { ...environment, ...callsOf(worker) }
    batch = await openJobs({ template: stack.template, dir, more, emit })
    functions = openFunctions(stack.template, name => ({
      ...environment,
      ...callsOf(name),
      AWS_ENDPOINT_URL_BATCH: batch.url,
      MILLRACE_WIRE_PIPELINES: new URL(`file://${file}`).href,
    }))
    messages = await openMessages({ stack, url: servers.motoUrl, functions })
    const config = callersIn(stack.template).get('partition')?.config as Config
    world = {
      config,
      pipelines,
      clock: systemClock,
      objects: createS3Objects({ client: clients.s3 }),
      records: createDynamoRecords({ client: clients.dynamodb, table: config.table }),
    } as unknown as World
  })

  after(async () => {
    await messages?.stop()
    await batch?.stop()
    await functions?.stop()
    await servers?.stop()
    slack?.closeAllConnections()
    slack?.close()
    for (const one of [dir, packaged?.dir]) if (one) await rm(one, { recursive: true, force: true })
  })

  it('a file goes from its drop over a lost instance and a failed partition to its certificate', async () => {
    await batch.interfere({ jobNamePattern: '*', index: reclaimed, reclaimWhenStarted: true })
    const nowhere = { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' }
    await batch.interfere({ jobNamePattern: '*', index: cutOff, environment: nowhere })
    run = await ended(world, messages, await drop(servers, messages, world))
    assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
    assert.equal(run.round, 2, 'a second round was needed')
    const [first = '', ...more] = await attemptsOf(batch, world, run.runId, reclaimed)
    assert.match(first, /^Host EC2/)
    assert.equal(more.length, 1, 'Batch itself tried the reclaimed partition again')
    assert.ok(messages.fired.includes(EventType.roundDue), 'it was due by a schedule')
    assert.equal(said.length, 1, 'Slack was told once')
  })

  it('the certificate holds, against the source and the outputs themselves', async () => {
    const { matches, faults, records } = await verdictOn(world, run, false, () => {})
    assert.deepEqual([matches, faults, records], [true, [], rows])
  })

  it('another reader finds every row of the source in what is published', async () => {
    const bucket = world.config.buckets.output
    const text = await read(servers, bucket, run.certificate ?? '')
    const { partitions } = JSON.parse(text.toString()) as Certificate
    const keys = partitions.flatMap(({ outputs }) => outputs.map(({ key }) => key))
    const files = keys.map((_, index) => path.join(dir, `${index}.parquet`))
    for (const [index, key] of keys.entries()) {
      await writeFile(files[index] ?? '', await read(servers, bucket, key))
    }
    const reader = path.join(import.meta.dirname, '..', 'reads_parquet.py')
    const found = JSON.parse(execFileSync(python, [reader, ...files], { encoding: 'utf8' })) as {
      rows: { id: string; value: string }[]
    }
    assert.deepEqual(
      found.rows.map(({ id, value }) => `${id},${value}`),
      content.trimEnd().split('\n').slice(1),
    )
  })

  it('what runs by the clock finds nothing left to do', async () => {
    const names = scheduledFunctions(servers.stack.template)
    assert.deepEqual(names, ['reconcile'])
    for (const name of names) {
      await functions.invoke(name, scheduledEvent(name, systemClock.now()))
    }
    assert.deepEqual(messages.failures, [])
  })

  it('everybody called only what their role grants', async () => {
    const { template } = servers.stack
    const keys = keysOf(template)
    const used: { role: string; need: Need }[] = []
    const callers = callersIn(template)
    assert.equal(callers.size, functionNames.length + 1, 'the functions, and the worker of the one pipeline')
    for (const [name, { role }] of callers) {
      const caller = functionNames.find(one => one === name) ?? worker
      const calls = await callsIn(path.join(dir, `${caller}.calls`))
      assert.ok(calls.length > 0, `${caller} called`)
      for (const { command, needs } of calls) {
        const all = needs.flatMap(need => [need, ...keys(need, command)])
        for (const need of all) used.push({ role, need })
      }
    }
    assert.deepEqual(judge(grantsOf(template), used).outside, [])
    assert.ok(used.length > 100)
  })
}

/** What ended each attempt of a child of round 1. */
async function attemptsOf(
  batch: BatchServer,
  { records }: World,
  runId: string,
  index: number,
): Promise<string[]> {
  const item = await records.get(recordKeys.round(runId, 1))
  const { job0 } = fromItem<RoundRecord>(item ?? assert.fail('there is no round 1'))
  return (batch.job(`${job0}:${index}`)?.attempts ?? []).map(({ statusReason = '' }) => statusReason)
}

async function callsIn(file: string): Promise<Call[]> {
  const text = await readFile(file, 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Call)
}

async function read({ clients }: Servers, Bucket: string, Key: string): Promise<Buffer> {
  const { Body } = await clients.s3.send(new GetObjectCommand({ Bucket, Key }))
  return Buffer.from((await Body?.transformToByteArray()) ?? [])
}

async function listening(said: string[]): Promise<Server> {
  const server = createServer(async (request, response) => {
    said.push(Buffer.concat(await request.toArray()).toString())
    response.end('ok')
  })
  await new Promise<void>(ready => {
    server.listen(0, '127.0.0.1', ready)
  })
  return server
}

const content = `id,value\n${Array.from({ length: rows }, (_, id) => `${id},${id % 97}.25\n`).join('')}`

async function drop({ clients }: Servers, messages: Messages, { config }: World): Promise<string> {
  const ref = { bucket: config.buckets.drops, key: 'readings/day one.csv' }
  const put = await clients.s3.send(
    new PutObjectCommand({
      Bucket: ref.bucket,
      Key: ref.key,
      Body: content,
      Metadata: { [partitionBytesMetadata]: String(partitionBytes) },
    }),
  )
  const { ETag = '', VersionId: version = '' } = put
  const created = { ...ref, bytes: content.length, etag: ETag.replaceAll('"', ''), version, sequencer: '01' }
  await messages.put(objectCreated(created, systemClock.now()))
  return runIdOf('readings', ref, version)
}

/** Errors: at once where a function could not do something. */
function ended({ records }: World, { failures }: Messages, runId: string): Promise<RunRecord> {
  return until(`the end of run ${runId}`, async () => {
    assert.deepEqual(failures, [])
    const item = await records.get(recordKeys.run(runId))
    const run = item && fromItem<RunRecord>(item)
    return run && !isOpen(run.state) && run.told !== undefined ? run : undefined
  })
}
