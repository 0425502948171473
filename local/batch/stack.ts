/** The local Batch server as the stack needs it: fed with the worker's job definition, heard by the router. */

import path from 'node:path'
import {
  type ContainerProperties,
  type NodeProperties,
  RegisterJobDefinitionCommand,
} from '@aws-sdk/client-batch'
import { asEnvironment, type Config, environment } from '../../shared/config.ts'
import type { Clock, Log } from '../../shared/ports.ts'
import { type Delivery, projectDir } from '../events/delivery.ts'
import type { Envelope } from '../events/envelope.ts'
import type { JobDefinitionWiring } from '../serverless/wiring.ts'
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

/** Of a container's own file system: an attempt has a folder of its own here. */
const ofContainers = ['TMPDIR']

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
    secretOf: name => environment()[name],
    queues: delivery.wiring.jobQueues,
  })
  try {
    for (const definition of delivery.wiring.jobDefinitions)
      await registerWorker(server.url, config, definition)
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

/**
 * As it is deployed, with this checkout's worker in the place of the image. A new revision at each start: jobs of a
 * run in progress go on with the newest.
 */
async function registerWorker(
  batchUrl: string,
  config: Config,
  { environment: deployed, resourceRequirements, secrets, nodes, ...definition }: JobDefinitionWiring,
): Promise<void> {
  const client = await localBatch(batchUrl)
  const own = Object.entries(asEnvironment(config)).map(([name, value]) => ({ name, value }))
  const variables = new Map(
    [...own, ...deployed.filter(({ name }) => !ofContainers.includes(name))].map(each => [each.name, each]),
  )
  const container = {
    image: 'millrace-worker',
    command: [process.execPath, path.join(projectDir, 'worker', 'main.ts')],
    environment: [...variables.values()],
    resourceRequirements,
    ...(secrets && { secrets }),
  }
  await client.send(
    new RegisterJobDefinitionCommand({
      ...definition,
      ...(nodes === undefined
        ? { type: 'container', containerProperties: container }
        : { type: 'multinode', nodeProperties: nodesOf(nodes, container) }),
    }),
  )
}

function nodesOf(numNodes: number, container: ContainerProperties): NodeProperties {
  return { numNodes, mainNode: 0, nodeRangeProperties: [{ targetNodes: '0:', container }] }
}
