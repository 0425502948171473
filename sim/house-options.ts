/** What a story may ask of the house it is played in. */
import type { Pipeline, PipelineInput } from '../shared/pipeline.ts'
import type { ChildrenOptions } from './children.ts'
import type { DeliveryOptions } from './deliveries.ts'
import type { ExecutionOptions } from './executions.ts'
import type { PortOptions } from './house-ports.ts'
import type { Life } from './life.ts'
import type { PortCall } from './port-calls.ts'
import type { Trouble, When } from './trouble.ts'

export interface HouseOptions extends PortOptions, DeliveryOptions, ChildrenOptions, ExecutionOptions {
  pipelines: PipelineInput[]
  /** The same, read already. */
  parsed?: readonly Pipeline[]
  /** Interleave steps call by call (default), or let each run through: quicker where there are thousands. */
  gated?: boolean
  /** Takes a line for every call, and whatever befalls it. */
  note?: (line: string) => void
  /** What befalls call number `at`; a bare word: it fails before it happens, or after it took effect. */
  fault?: (call: PortCall, at: number, life: Life) => Trouble | When | undefined
  /** How far the clock of one execution is off, in ms. */
  skewMs?: (life: Life) => number
  /** Does reconcile come every five minutes by itself, for as long as time passes? */
  heals?: boolean
  /** How long every call takes. */
  callMs?: number
  /** Milliseconds that pass before the next call: a slow service, or a long pause of the machine. */
  dawdles?: () => number
}
