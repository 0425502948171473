/** The world of a function in AWS, wired once at cold start. */
import { systemClock } from '../../shared/clock.ts'
import { configFrom, environment } from '../../shared/config.ts'
import { pipelineSet } from '../../shared/pipelines.ts'
import type { Clock } from '../../shared/ports.ts'
import type { Surroundings } from '../../shared/world.ts'
import type { Reach, Reached } from './reach.ts'

export type Wired<Opens extends Reach> = Reached<Opens> & { clock: Clock } & Omit<Surroundings, 'log'>

/** Once, at the first call. Errors: CONFIG_INVALID, PIPELINE_INVALID; the next call tries again. */
export function wiring<Opens extends Reach>(reach: Opens): () => Promise<Wired<Opens>> {
  let wired: Promise<Wired<Opens>> | undefined
  return () => {
    wired ??= wire(reach).catch(error => {
      wired = undefined
      throw error
    })
    return wired
  }
}

async function wire<Opens extends Reach>(reach: Opens): Promise<Wired<Opens>> {
  const config = configFrom(environment())
  // The bundle has the user's pipelines compiled in under this name; see build.ts.
  const { definitions } = await import('millrace:pipelines')
  const files = Object.fromEntries(definitions.map(({ file, definition }) => [file, definition]))
  const opened = Object.entries(reach).map(async ([name, open]) => [name, await open(config)] as const)
  const ports = Object.fromEntries(await Promise.all(opened)) as Reached<Opens>
  return { ...ports, clock: systemClock, config, pipelines: pipelineSet(files) }
}
