/** The ports that the worker needs, and no client of any other service in its image. */
import { systemClock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Ports } from '../ports.ts'
import { openObjects } from './objects.ts'
import { openRecords } from './records.ts'

export function createWorkerPorts({
  table,
}: Pick<Config, 'table'>): Pick<Ports, 'objects' | 'records' | 'clock'> {
  return { objects: openObjects(), records: openRecords(table), clock: systemClock }
}
