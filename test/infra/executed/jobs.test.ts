/** Batch takes what is deployed: each job definition, each queue, and a job of each in each. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  type BatchClient,
  CreateJobQueueCommand,
  DescribeJobQueuesCommand,
  RegisterJobDefinitionCommand,
  SubmitJobCommand,
} from '@aws-sdk/client-batch'
import { type BatchServer, startBatchServer } from '../../../local/batch/server.ts'
import { localBatch } from '../../../local/world.ts'
import { systemClock } from '../../../shared/clock.ts'
import { silentLog } from '../../../shared/log.ts'
import { placeOf } from '../../../shared/placement.ts'
import { pipelines } from '../batch/pipelines.ts'
import { ofType, type Packaged, packagePipelines } from '../packaged.ts'
import { callersIn } from '../policy/callers.ts'
import { nameOf } from '../policy/resolve.ts'
import { registerJobDefinition } from './requests.ts'

describe('the packaged template', () => {
  let packaged: Packaged
  let dir: string
  let server: BatchServer
  let batch: BatchClient
  const idsOf = (type: string): string[] => ofType(packaged.template, type).map(([id]) => id)
  const queues = (): string[] => idsOf('AWS::Batch::JobQueue').map(id => nameOf(id, packaged.template))

  before(async () => {
    packaged = await packagePipelines(pipelines)
    dir = await mkdtemp(path.join(tmpdir(), 'millrace-executed-'))
    server = await startBatchServer({
      dbFile: path.join(dir, 'batch.db'),
      logsDir: path.join(dir, 'logs'),
      clock: systemClock,
      log: silentLog,
      cores: 1,
      emit: async () => {},
      baseEnvironment: {},
      cwd: dir,
      queues: [],
    })
    batch = await localBatch(server.url)
    for (const [id, { Properties }] of ofType(packaged.template, 'AWS::Batch::JobQueue')) {
      const jobQueueName = nameOf(id, packaged.template)
      const priority = Number(Properties.Priority)
      await batch.send(new CreateJobQueueCommand({ jobQueueName, priority, computeEnvironmentOrder: [] }))
    }
  })
  after(async () => {
    await server.stop()
    await rm(dir, { recursive: true, force: true })
    await rm(packaged.dir, { recursive: true, force: true })
  })

  it('has queues of which the urgent goes first, on Spot and on demand alike', async () => {
    const { jobQueues = [] } = await batch.send(new DescribeJobQueuesCommand({}))
    const priorities = (word: string): unknown[] => [
      ...new Set(
        jobQueues.filter(({ jobQueueName = '' }) => jobQueueName.includes(word)).map(one => one.priority),
      ),
    ]
    assert.deepEqual(['critical', 'daily', 'backfill'].map(priorities), [[100], [50], [10]])
    assert.equal(jobQueues.length, queues().length)
  })

  it('has the queues and the definition that submit names for each pipeline', () => {
    const { config } = callersIn(packaged.template).get('submit') ?? assert.fail('nobody submits')
    const definitions = idsOf('AWS::Batch::JobDefinition').map(id => nameOf(id, packaged.template))
    for (const pipeline of pipelines) {
      const place = placeOf(config, pipeline)
      assert.ok(queues().includes(place.queue), place.queue)
      assert.ok(queues().includes(place.onDemandQueue), place.onDemandQueue)
      assert.ok(definitions.includes(place.definition), place.definition)
    }
  })

  it('has definitions that Batch takes, and whose jobs it takes in every queue', async () => {
    for (const id of idsOf('AWS::Batch::JobDefinition')) {
      const { jobDefinitionArn } = await batch.send(
        new RegisterJobDefinitionCommand({
          ...registerJobDefinition(id, packaged.template),
        }),
      )
      for (const jobQueue of queues()) {
        const job = { jobName: 'one', jobQueue, jobDefinition: jobDefinitionArn }
        const { jobId = '' } = await batch.send(new SubmitJobCommand(job))
        const { jobQueue: queue = '', jobDefinition } = server.job(jobId) ?? {}
        assert.deepEqual([queue.split('/').at(-1), jobDefinition], [jobQueue, jobDefinitionArn], id)
      }
    }
  })
})
