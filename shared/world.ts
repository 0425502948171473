/** What every doorway and the worker are handed. */
import type { Config } from './config.ts'
import type { Measure } from './metrics.ts'
import type { Pipeline } from './pipeline.ts'
import type { Log, Ports } from './ports.ts'

export interface World extends Ports {
  config: Config
  pipelines: readonly Pipeline[]
  log: Log
  /** Absent where nobody collects measurements. */
  measure?: Measure
}

/**
 * The local stack hands its own world to the handlers in the Lambda context under this symbol; in AWS there is
 * none, and the doorway wires one from the environment at cold start.
 */
export const worldKey = Symbol.for('millrace.world')
