/** What every doorway and the worker are handed. */
import type { Config } from './config.ts'
import type { Measure } from './metrics.ts'
import type { Pipeline } from './pipeline.ts'
import type { Bus, Log, Ports } from './ports.ts'

/** What of the world somebody needs: ports, or of the bus no more than `publish`, which needs no Scheduler. */
export type Need = keyof Ports | 'publish'

/**
 * All of the world, or only what is named. A function's world has what its doorway names: a step that needs more is
 * a type error there, and not a call that AWS refuses.
 */
export type World<Needs extends Need = keyof Ports> = Pick<Ports, Extract<Needs, keyof Ports> | 'clock'> &
  ('publish' extends Needs ? { bus: Pick<Bus, 'publish'> } : unknown) &
  Surroundings

/** What everybody is handed, whatever it needs. */
export interface Surroundings {
  config: Config
  pipelines: readonly Pipeline[]
  log: Log
  /** Absent where nobody collects measurements. */
  measure?: Measure
  /** Says whom the work at hand is for, so that its trace can be found. Absent where nothing is traced. */
  mark?: (marks: Marks) => void
}

export interface Marks {
  runId?: string
  pipeline?: string
  round?: number
}

/**
 * The local stack hands its own world to the handlers in the Lambda context under this symbol; in AWS there is
 * none, and the doorway wires one from the environment at cold start.
 */
export const worldKey = Symbol.for('millrace.world')
