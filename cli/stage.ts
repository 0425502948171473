/** The world of a stage, for one command: a deployed stack, a running local one, or a local one of its own. */

import { loadPipelines } from '../local/pipelines.ts'
import { type Presence, runningStack } from '../local/presence.ts'
import type { Stack } from '../local/stack.ts'
import { openLocalWorld } from '../local/world.ts'
import { systemClock } from '../shared/clock.ts'
import { localConfig } from '../shared/config.ts'
import { isError } from '../shared/errors.ts'
import type { Log } from '../shared/ports.ts'
import type { World } from '../shared/world.ts'
import { type GlobalOptions, localStage } from './options.ts'
import { stackLog } from './stack-log.ts'

export interface OpenStage {
  world: World
  /** Where a person or a program finds an object: a path here, an s3:// URI in AWS. */
  place(bucket: string, key: string): string
  /** The local stack, where this command started it. */
  stack?: Stack
  /** The local stack that somebody else runs. */
  running?: Presence
  /** For whoever waits for a run: where the local stack beneath it has gone, a stack of our own takes over. */
  keepUp(): Promise<void>
  close(): Promise<void>
}

/** Somebody else's stack takes a second or two from its lock to its first word. */
const joinTriesMax = 20
const joinEveryMs = 200

/**
 * `work`: events must be handled while the command runs, so a local stack is started where none is up.
 * `look`: only records and objects are read or written; without `pipelines`, no pipeline file is looked at either.
 */
export async function openStage(
  options: GlobalOptions,
  purpose: 'work' | 'look',
  withPipelines = true,
): Promise<OpenStage> {
  if (options.stage !== localStage) return (await import('./aws-stage.ts')).openAwsStage(options)
  if (purpose === 'work') return startOrJoin(options)
  return joinLocal(options, runningStack(options.dataDir), withPipelines)
}

/** Two commands may find no stack at the same time: one starts it, the others join. */
async function startOrJoin(options: GlobalOptions): Promise<OpenStage> {
  for (let tries = 1; ; tries++) {
    const running = runningStack(options.dataDir)
    if (running !== undefined) return joinLocal(options, running)
    const own = await startUnlessTaken(options, tries === joinTriesMax)
    if (own !== undefined) return own
    await systemClock.sleep(joinEveryMs)
  }
}

async function startUnlessTaken(options: GlobalOptions, insist = false): Promise<OpenStage | undefined> {
  try {
    return await startOwn(options, stackLog(options.dataDir, false))
  } catch (error) {
    if (insist || !isError(error, 'NOT_ALLOWED')) throw error
    return undefined
  }
}

async function joinLocal(
  options: GlobalOptions,
  running: Presence | undefined,
  withPipelines = true,
): Promise<OpenStage> {
  const pipelinesDir = running?.pipelinesDir ?? options.pipelinesDir
  const pipelines = withPipelines ? await loadPipelines(pipelinesDir) : []
  const world = await openLocalWorld(localConfig(options.dataDir, pipelinesDir), { pipelines })
  let own: OpenStage | undefined
  return {
    world,
    ...(running === undefined ? {} : { running }),
    place: (bucket, key) => world.objects.pathOf({ bucket, key }),
    keepUp: async () => {
      if (own !== undefined || runningStack(options.dataDir) !== undefined) return
      own = await startUnlessTaken({ ...options, pipelinesDir })
      if (own) process.stderr.write('the stack beneath this run has ended; one of our own goes on with it\n')
    },
    close: async () => {
      world.close()
      await own?.close()
    },
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
    keepUp: async () => {},
    close: () => stack.stop(),
  }
}
