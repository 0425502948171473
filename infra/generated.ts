/** What serverless.yml takes from here by `${file(./infra/generated.js):name}`: whatever depends on the pipelines. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { MillraceError } from '../shared/errors.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { asWritten } from './as-written.ts'
import { queuesOf } from './batch/queues.ts'
import { blockedSenders, jobsQueueSenders } from './batch/rules.ts'
import { paramNames, type Settings, settingsFrom } from './batch/settings.ts'
import { networkResources } from './network/resources.ts'
import { scheduleResources } from './schedules.ts'
import { sourceBucketResources } from './source-buckets.ts'
import { batchPart } from './stage-parts.ts'

/** As the packager hands it to a function of a file: `resolveVariable('param:image')`. */
export interface Packager {
  resolveVariable(address: string): Promise<unknown>
}

/** Resources and outputs, as one more part of `resources`. */
export async function batch(packager: Packager): Promise<object> {
  return written(batchPart(builtPipelines(), await settings(packager)))
}

/** The same, of the network; none where it is there already. */
export async function network(packager: Packager): Promise<object> {
  return { Resources: networkResources((await settings(packager)).network) }
}

/** The same, of buckets that users name; nothing where they name none. */
export function sourceBuckets(): object {
  return written({ Resources: sourceBucketResources(builtPipelines()) })
}

/** The same, of schedules; nothing where no pipeline has one. */
export async function schedules({ resolveVariable }: Packager): Promise<object> {
  const stage = String(await resolveVariable('sls:stage'))
  return written({ Resources: scheduleResources(builtPipelines(), stage) })
}

/** Arns of the rules that may put Batch's words into the queue of jobs. */
export async function jobsQueueRules(packager: Packager): Promise<object[]> {
  return jobsQueueSenders(queuesOf(builtPipelines(), await settings(packager)))
}

/** Arns of the rules that tell people of a blocked job queue. */
export async function queueBlockedRules(packager: Packager): Promise<object[]> {
  return blockedSenders(queuesOf(builtPipelines(), await settings(packager)))
}

const written = (part: object): object => asWritten(part) as object

async function settings({ resolveVariable }: Packager): Promise<Settings> {
  const params = paramNames.map(async name => [name, await resolveVariable(`param:${name}`)])
  const stage = await resolveVariable('sls:stage')
  return settingsFrom({ ...Object.fromEntries(await Promise.all(params)), stage })
}

/** Written by `npm run build`, beside the functions that have the same pipelines compiled in. Errors: CONFIG_INVALID. */
function builtPipelines(): Pipeline[] {
  const file = path.resolve(import.meta.dirname, '..', 'dist', 'pipelines.json')
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Pipeline[]
  } catch (cause) {
    // The packager shows the message alone.
    const remedy = 'Build first: `npm run package` and `npm run deploy` do.'
    throw new MillraceError('CONFIG_INVALID', `${file} cannot be read. ${remedy}`, { cause, remedy })
  }
}
