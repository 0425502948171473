/** A real stack in a folder of its own: files are dropped into it, and its runs are awaited. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { partitionBytesMetadata } from '../../functions/steps/sources.ts'
import { type Stack, type StackOptions, startStack } from '../../local/stack.ts'
import { systemClock } from '../../shared/clock.ts'
import { isOpen } from '../../shared/lifecycle.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { pipelineSet } from '../../shared/pipelines.ts'
import { pipelineFor, runIdOf } from '../../shared/plan.ts'
import { fromItem, type PartitionRecord, type RunRecord, recordKeys } from '../../shared/records.ts'

export interface Line {
  level: string
  message: string
  fields: Record<string, unknown>
}

export interface Story {
  stack: Stack
  dataDir: string
  /** What the functions said. */
  lines: Line[]
  close(): Promise<void>
}

/** Nothing in these tests takes longer, on however busy a machine; only a fault does. */
const waitMsMax = 120_000
const lookEveryMs = 25

/** Looks until there is something to see. Errors: after two minutes, with `what` was not to be seen. */
export async function until<Seen>(
  what: string,
  look: () => Promise<Seen | undefined> | Seen | undefined,
): Promise<Seen> {
  const deadline = systemClock.now() + waitMsMax
  while (systemClock.now() < deadline) {
    const seen = await look()
    if (seen !== undefined) return seen
    await systemClock.sleep(lookEveryMs)
  }
  throw new Error(`not within ${waitMsMax} ms: ${what}`)
}

export function tempDir(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-story-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }) }
}

/** `pipelines`: as users write them, by file name. */
export async function openStory(
  pipelines: Record<string, unknown>,
  more: Pick<StackOptions, 'wiring'> = {},
): Promise<Story> {
  const { dir, remove } = tempDir()
  const lines: Line[] = []
  const write =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      lines.push({ level, message, fields })
    }
  const log = { info: write('info'), warn: write('warn'), error: write('error') }
  const dataDir = path.join(dir, 'data')
  const pipelinesDir = path.join(dir, 'pipelines')
  const set = pipelineSet(pipelines)
  const stack = await startStack({ dataDir, pipelinesDir, pipelines: set, cores: 2, log, ...more })
  const close = async (): Promise<void> => {
    await stack.stop()
    remove()
  }
  return { stack, dataDir, lines, close }
}

export interface Dropped {
  runId: string
  key: string
  version: string
  bytes: number
  etag: string
}

export interface DropOptions {
  partitionBytes?: number
}

/** Writes the object, as any program may; the rest is up to the stack. */
export async function drop(
  { stack }: Story,
  key: string,
  content: Buffer | string,
  { partitionBytes }: DropOptions = {},
): Promise<Dropped> {
  const { world } = stack
  const ref = { bucket: world.config.buckets.drops, key }
  const metadata: Record<string, string> =
    partitionBytes === undefined ? {} : { [partitionBytesMetadata]: String(partitionBytes) }
  const { version = '', bytes, etag } = await world.objects.write(ref, Buffer.from(content), { metadata })
  const pipeline = pipelineFor(world.pipelines, ref, world.config.buckets.drops)
  return { key, version, bytes, etag, runId: runIdOf(pipeline?.name ?? '', ref, version) }
}

export async function runOf({ stack }: Story, runId: string): Promise<RunRecord | undefined> {
  const item = await stack.world.records.get(recordKeys.run(runId))
  return item && fromItem<RunRecord>(item)
}

/** The run when nothing more happens to it: it has ended, and whoever wants to know was told. */
export function ended(story: Story, runId: string): Promise<RunRecord> {
  return until(`the end of run ${runId}`, async () => {
    const run = await runOf(story, runId)
    return run && !isOpen(run.state) && run.told !== undefined ? run : undefined
  })
}

export async function dropped(
  story: Story,
  key: string,
  content: Buffer | string,
  options: DropOptions = {},
): Promise<RunRecord> {
  return ended(story, (await drop(story, key, content, options)).runId)
}

export async function runsOf({ stack }: Story, pipeline: Pipeline['name']): Promise<RunRecord[]> {
  const { items } = await stack.world.records.query({ index: 'pipeline', pk: pipeline })
  return items.map(item => fromItem<RunRecord>(item))
}

export async function partitionOf(
  { stack }: Story,
  runId: string,
  partition: number,
): Promise<PartitionRecord | undefined> {
  const item = await stack.world.records.get(recordKeys.partition(runId, partition))
  return item && fromItem<PartitionRecord>(item)
}

/** What Slack was told of a run, oldest first. */
export function told(
  { stack }: Story,
  runId: string,
): { text: string; channel: string; threadTs?: string }[] {
  return stack.sink.messages().filter(({ blocks }) => JSON.stringify(blocks).includes(runId))
}

/** Every message that a function gave up. */
export function givenUp({ stack }: Story): string[] {
  return Object.values(stack.queues.deadLetters()).flatMap(messages => messages.map(({ body }) => body))
}
