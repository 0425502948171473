/** The ports that the worker needs, and no client of any other service in its image. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { S3Client } from '@aws-sdk/client-s3'
import { systemClock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Ports } from '../ports.ts'
import { clientSettings } from './client-settings.ts'
import { createS3Objects } from './objects.ts'
import { createDynamoRecords } from './records.ts'

export function createWorkerPorts({
  table,
}: Pick<Config, 'table'>): Pick<Ports, 'objects' | 'records' | 'clock'> {
  return {
    objects: createS3Objects({ client: new S3Client(clientSettings('s3')) }),
    records: createDynamoRecords({ client: new DynamoDBClient(clientSettings('dynamodb')), table }),
    clock: systemClock,
  }
}
