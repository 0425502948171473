/** The local Batch server as the stack needs it: fed with the worker's job definition, heard by the router. */

import path from 'node:path'
import { RegisterJobDefinitionCommand } from '@aws-sdk/client-batch'
import { asEnvironment, type Config, environment } from '../../shared/config.ts'
import { queueNames, queuePriorities } from '../../shared/pipeline/job.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { definitionName, fleetOf, queueName } from '../../shared/placement.ts'
import type { Clock, Log } from '../../shared/ports.ts'
import { type Delivery, projectDir } from '../events/delivery.ts'
import type { Envelope } from '../events/envelope.ts'
import type { RetryStrategy } from '../serverless/wiring.ts'
import { localBatch } from '../world.ts'
import { type BatchServer, startBatchServer } from './server.ts'

export type { BatchServer } from './server.ts'

/** What a program needs of the machine; secrets in the shell that started the stack are not handed on. */
const inherited = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TEMP',
  'TMP',
  'LANG',
  'LC_ALL',
  'TZ',
  'SystemRoot',
  'USERPROFILE',
]

/** Where serverless.yml has no job definition: Spot reclaims are Batch's to retry, everything else is ours. */
const retryDefault: RetryStrategy = {
  attempts: 5,
  evaluateOnExit: [
    { onStatusReason: 'Host EC2*', action: 'RETRY' },
    { onStatusReason: 'Your Spot Task was interrupted.', action: 'RETRY' },
    { onReason: '*', action: 'EXIT' },
  ],
}

export async function openBatch(parts: {
  config: Config
  pipelines: readonly Pipeline[]
  cores: number
  clock: Clock
  log: Log
  delivery: Delivery
}): Promise<BatchServer> {
  const { config, pipelines, cores, clock, log, delivery } = parts
  const server = await startBatchServer({
    dbFile: path.join(config.dataDir, 'batch.db'),
    logsDir: path.join(config.dataDir, 'logs'),
    clock,
    log,
    cores,
    emit: async event => {
      delivery.router.putEvents([event as Envelope])
    },
    baseEnvironment: inheritedEnvironment(),
    cwd: config.dataDir,
    queues: queuesOf(config, pipelines),
  })
  try {
    const retry = delivery.wiring.workerRetry ?? retryDefault
    for (const { name } of pipelines) await registerWorker(server.url, config, name, retry)
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

function queuesOf(config: Config, pipelines: readonly Pipeline[]): { name: string; priority: number }[] {
  const fleets = new Map(pipelines.map(fleetOf).map(fleet => [fleet.name, fleet]))
  return [...fleets.values()].flatMap(fleet =>
    queueNames.flatMap(queue =>
      [false, true].map(onDemand => ({
        name: queueName(config, fleet, queue, onDemand),
        priority: queuePriorities[queue],
      })),
    ),
  )
}

function inheritedEnvironment(): Record<string, string> {
  const all = environment()
  return Object.fromEntries(inherited.flatMap(name => (all[name] === undefined ? [] : [[name, all[name]]])))
}

/** A new revision at each start: jobs of a run in progress go on with the newest. */
async function registerWorker(
  batchUrl: string,
  config: Config,
  pipeline: string,
  retryStrategy: RetryStrategy,
): Promise<void> {
  const client = await localBatch(batchUrl)
  const variables = Object.entries(asEnvironment(config))
  await client.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: definitionName(config, pipeline),
      type: 'container',
      containerProperties: {
        image: 'millrace-worker',
        command: [process.execPath, path.join(projectDir, 'worker', 'main.ts')],
        environment: variables.map(([name, value]) => ({ name, value })),
        resourceRequirements: [
          { type: 'VCPU', value: '1' },
          { type: 'MEMORY', value: '2048' },
        ],
      },
      retryStrategy: retryStrategy,
    }),
  )
}
