/** The ports on the AWS SDK, for functions; the worker's are in worker-ports.ts. */
import { systemClock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Ports } from '../ports.ts'
import { createEventBridgeBus } from './bus.ts'
import { createAwsClients } from './clients.ts'
import { createBatchJobs } from './jobs.ts'
import { createS3Objects } from './objects.ts'
import { createDynamoRecords } from './records.ts'

/** Everything but chat, which needs a secret that only notify may read. */
export function createAwsPorts(config: Config): Omit<Ports, 'chat'> {
  const clients = createAwsClients()
  return {
    objects: createS3Objects({ client: clients.s3 }),
    records: createDynamoRecords({ client: clients.dynamodb, table: config.table }),
    jobs: createBatchJobs({ client: clients.batch }),
    bus: createEventBridgeBus({
      events: clients.events,
      scheduler: clients.scheduler,
      config,
      clock: systemClock,
    }),
    clock: systemClock,
  }
}
