/** All that carries events on one machine, opened together: any process may send, only the stack receives. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Config } from '../../shared/config.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { Bus, Clock } from '../../shared/ports.ts'
import { readWiring } from '../serverless/file.ts'
import type { Wiring } from '../serverless/wiring.ts'
import { createLocalBus } from './bus.ts'
import { openQueueDb } from './queue-db.ts'
import { Queues } from './queues.ts'
import { createRouter, type Router } from './router.ts'
import { createSchedules, type Schedules } from './schedules.ts'
import { createTicks, type TickWiring } from './ticks.ts'

/** Where this project lies, with its serverless.yml, functions/ and worker/. */
export const projectDir = path.resolve(import.meta.dirname, '../..')

export interface Delivery {
  wiring: Wiring
  queues: Queues
  router: Router
  schedules: Schedules
  bus: Bus
  close(): void
}

/** What serverless.yml says, and the schedules of the stage's pipelines. */
export type StageWiring = Wiring & { ticks?: readonly TickWiring[] }

/** Where events go on a stage with these pipelines. Errors: CONFIG_INVALID where serverless.yml asks for what cannot be done here. */
export function stageWiring(config: Config, pipelines: readonly Pipeline[] = []): StageWiring {
  const wiring = readWiring(path.join(projectDir, 'serverless.yml'), config, pipelines)
  const ticks = pipelines.flatMap(({ name, source: { schedule } }) =>
    schedule === undefined ? [] : [{ pipeline: name, schedule }],
  )
  return { ...wiring, ticks }
}

/** Errors: those of `stageWiring`. */
export function openDelivery(
  config: Config,
  clock: Clock,
  wiring: StageWiring = stageWiring(config),
): Delivery {
  mkdirSync(config.dataDir, { recursive: true })
  const db = openQueueDb(path.join(config.dataDir, 'queues.db'))
  const queues = new Queues(db, clock)
  const router = createRouter(wiring, queues)
  const rates = createSchedules(db, { router, queues, rates: wiring.schedules, clock })
  const ticks = createTicks(db, { router, ticks: wiring.ticks ?? [], clock, busName: config.bus })
  const fire = (): void => {
    rates.fire()
    ticks.fire()
  }
  const schedules = { ...rates, fire }
  const bus = createLocalBus({ router, schedules, clock, busName: config.bus })
  return { wiring, queues, router, schedules, bus, close: () => db.close() }
}
