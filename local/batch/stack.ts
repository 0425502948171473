/** The local Batch server as the stack needs it: fed with the worker's job definition, heard by the router. */

import path from 'node:path'
import { RegisterJobDefinitionCommand } from '@aws-sdk/client-batch'
import { asEnvironment, type Config, environment } from '../../shared/config.ts'
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
  cores: number
  clock: Clock
  log: Log
  delivery: Delivery
}): Promise<BatchServer> {
  const { config, cores, clock, log, delivery } = parts
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
    queues: [config.jobQueue, config.jobQueueOnDemand].map(name => ({ name, priority: 1 })),
  })
  try {
    await registerWorker(server.url, config, delivery.wiring.workerRetry ?? retryDefault)
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

function inheritedEnvironment(): Record<string, string> {
  const all = environment()
  return Object.fromEntries(inherited.flatMap(name => (all[name] === undefined ? [] : [[name, all[name]]])))
}

/** A new revision at each start: jobs of a run in progress go on with the newest. */
async function registerWorker(batchUrl: string, config: Config, retryStrategy: RetryStrategy): Promise<void> {
  const client = await localBatch(batchUrl)
  const variables = Object.entries(asEnvironment(config))
  await client.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: config.jobDefinition,
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
