/** What people and AWS do in a story, beside what goes wrong. */
import { retryRun } from '../functions/steps/retry.ts'
import { cancelRun } from '../functions/steps/stop.ts'
import { isError } from '../shared/errors.ts'
import { can } from '../shared/lifecycle.ts'
import { hasEnded } from '../shared/memory/submitted-job.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { fromItem, type RunRecord } from '../shared/records.ts'
import { manifestsPrefix } from '../shared/reserved.ts'
import type { World } from '../shared/world.ts'
import type { MemoryHouse } from './memory-house.ts'
import { type Act, dayMs } from './story.ts'
import { isInjected } from './trouble.ts'
import { marks } from './work.ts'

/** Where objects lie that nobody is told of. */
const archive = 'archive'
const widthMin = 8
const widthMost = 26

export async function perform(house: MemoryHouse, act: Act): Promise<void> {
  if (act.kind === 'drop') return drop(house, act)
  const { objects, clock } = house.ports
  if (act.kind === 'remove') return objects.remove([{ bucket: house.config.buckets.drops, key: act.key }])
  if (act.kind === 'retry') return retryAll(house)
  if (act.kind === 'cancel') return askOfAll(house, 'cancel', cancelRun)
  forgetEnded(house)
  await house.moveTo(clock.now() + dayMs)
}

async function drop(house: MemoryHouse, act: Act & { kind: 'drop' }): Promise<void> {
  const pipeline = house.pipelines.find(({ name }) => name === act.pipeline)
  if (pipeline === undefined) return
  const body = bodyOf(act, pipeline)
  if (!act.listed) return void (await house.drop(act.key, body))
  const half = body.indexOf('\n', body.length / 2) + 1
  const parts = [body.slice(0, half), body.slice(half)]
  const keys = parts.map((_, at) => `${act.key}/${act.salt}-${at}.txt`)
  for (const [at, key] of keys.entries())
    await house.ports.objects.write({ bucket: archive, key }, Buffer.from(parts[at] ?? ''))
  const manifest = { objects: keys.map(key => ({ bucket: archive, key })) }
  const name = act.key.replaceAll('/', '-')
  await house.drop(`${manifestsPrefix}${act.pipeline}/${name}.json`, JSON.stringify(manifest))
}

/** Records of unlike lengths, so that no cut meets the start of one but by chance. */
export function bodyOf(
  { lines, salt, mark, everyLine }: Act & { kind: 'drop' },
  { source }: Pipeline,
): string {
  const marked = mark === undefined ? -1 : Math.floor(lines / 2)
  const records = Array.from({ length: lines }, (_, at) => {
    const width = widthMin + ((at * 7 + salt.length * 3 + lines) % (widthMost - widthMin))
    return `${salt} ${at}${mark && (everyLine || at === marked) ? marks[mark] : ''}`.padEnd(width, '.')
  })
  if (source.format === 'json') return `[${records.map(line => JSON.stringify({ line })).join(',\n')}]\n`
  return records.map(record => `${record}\n`).join('')
}

export async function runsOf({ ports, pipelines }: MemoryHouse): Promise<RunRecord[]> {
  const pages = pipelines.map(({ name }) => ports.records.query({ index: 'pipeline', pk: name }))
  return (await Promise.all(pages)).flatMap(({ items }) => items.map(item => fromItem<RunRecord>(item)))
}

export const retryAll = (house: MemoryHouse): Promise<void> => askOfAll(house, 'retry', retryRun)

/** Of all that offer it, by one person at once. */
async function askOfAll(
  house: MemoryHouse,
  what: keyof typeof can,
  ask: (world: World, runId: string) => Promise<unknown>,
): Promise<void> {
  for (const run of await runsOf(house)) {
    if (can[what](run.state) !== true) continue
    await house.executions.act(what, world =>
      ask(world, run.runId).catch((error: unknown) => {
        if (!isError(error, 'NOT_ALLOWED') && !isInjected(error)) throw error
      }),
    )
  }
}

function forgetEnded({ ports: { jobs } }: MemoryHouse): void {
  for (const { jobId } of jobs.submitted())
    if (jobs.children(jobId).every(({ status }) => hasEnded(status))) jobs.forget(jobId)
}
