/** All ports on the AWS SDK, for the command line. A function names what it reaches, the worker's are in worker-ports.ts. */
import { systemClock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Ports } from '../ports.ts'
import { openBus } from './bus.ts'
import { openJobs } from './jobs.ts'
import { openObjects } from './objects.ts'
import { openRecords } from './records.ts'

/** Everything but chat, which needs a secret that only notify may read. */
export function createAwsPorts(config: Config): Omit<Ports, 'chat'> {
  return {
    objects: openObjects(),
    records: openRecords(config.table),
    jobs: openJobs(),
    bus: openBus(config),
    clock: systemClock,
  }
}
