/** The world of a stage, for one command: a deployed stack, a running local one, or a local one of its own. */

import { loadPipelines } from '../local/pipelines.ts'
import { runningStack } from '../local/presence.ts'
import type { Stack } from '../local/stack.ts'
import { openLocalWorld } from '../local/world.ts'
import { localConfig } from '../shared/config.ts'
import { silentLog } from '../shared/log.ts'
import type { Log } from '../shared/ports.ts'
import type { World } from '../shared/world.ts'
import { type GlobalOptions, localStage } from './options.ts'

export interface OpenStage {
  world: World
  /** Where a person or a program finds an object: a path here, an s3:// URI in AWS. */
  place(bucket: string, key: string): string
  /** The local stack, where this command started it. */
  stack?: Stack
  close(): Promise<void>
}

/**
 * `work`: events must be handled while the command runs, so a local stack is started where none is up.
 * `look`: only records and objects are read or written.
 */
export async function openStage(
  options: GlobalOptions,
  purpose: 'work' | 'look',
  log = silentLog,
): Promise<OpenStage> {
  if (options.stage !== localStage) return (await import('./aws-stage.ts')).openAwsStage(options)
  const running = runningStack(options.dataDir)
  if (purpose === 'work' && running === undefined) return startOwn(options, log)
  const pipelines = await loadPipelines(running?.pipelinesDir ?? options.pipelinesDir)
  const config = localConfig(options.dataDir, running?.pipelinesDir ?? options.pipelinesDir)
  const opened = await openLocalWorld(config, { pipelines, log })
  return {
    world: opened,
    place: (bucket, key) => opened.objects.pathOf({ bucket, key }),
    close: async () => opened.close(),
  }
}

/** Starts the local stack; the caller stops it with `close`. Errors: those of the pipeline files, or a data folder in use. */
export async function startOwn(
  options: GlobalOptions,
  log: Log,
  cores?: number,
): Promise<OpenStage & { stack: Stack }> {
  const pipelines = await loadPipelines(options.pipelinesDir)
  const { startStack } = await import('../local/stack.ts')
  const stack = await startStack({
    dataDir: options.dataDir,
    pipelinesDir: options.pipelinesDir,
    pipelines,
    log,
    ...(cores === undefined ? {} : { cores }),
  })
  return {
    world: { ...stack.world, log },
    stack,
    place: (bucket, key) => stack.world.objects.pathOf({ bucket, key }),
    close: () => stack.stop(),
  }
}
