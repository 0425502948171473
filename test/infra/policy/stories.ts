/** Stories that between them ask of AWS whatever the functions and the worker ever ask. */
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { submitLeaseMs } from '../../../functions/submit.ts'
import { newId } from '../../../shared/clock.ts'
import { type Pipeline, type PipelineInput, parsePipeline } from '../../../shared/pipeline.ts'
import type { Clock, Ports } from '../../../shared/ports.ts'
import { manifestsPrefix } from '../../../shared/reserved.ts'
import { stragglerAgeMsMin } from '../../../shared/stragglers.ts'
import { catalog } from '../../../sim/catalog.ts'
import { type HouseOptions, MemoryHouse } from '../../../sim/memory-house.ts'
import { playStory } from '../../../sim/play.ts'
import { storyOf } from '../../../sim/story.ts'
import { Leave } from '../../../worker/notice/leave.ts'
import { csvPipeline, linesOf, linesPipeline } from '../../flow/settings.ts'
import { givenRun, worked } from '../../worker/given.ts'
import { program, removePrograms } from '../../worker/programs.ts'
import type { Seen } from './replay.ts'

export type Observed = (ports: Ports, by: string) => Ports

/** Of the simulator: all its pipelines, with all that goes wrong there. */
const seeds = 60
const overtakenSeeds = 12
const sundayAfterSix = Date.UTC(2026, 1, 1, 6, 5)
/** Larger ones go up in parts. */
const singlePutBytesMax = 64 * 1024 * 1024

/** Of all stories; what they ask for besides (shorter partitions, groups) matters to no role. */
export const storyPipelines: readonly Pipeline[] = [
  ...catalog,
  // Of the worker's own tests.
  parsePipeline(
    { ...csvPipeline, name: 'given', source: { prefix: 'in/', format: 'csv' }, output: { prefix: 'out/' } },
    'given',
  ),
]

export async function playSeeds(observed: Observed): Promise<void> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violations } = await playStory(storyOf(seed), { observed })
    if (violations.length > 0) throw new Error(`seed ${seed}: ${violations.join('\n')}`)
  }
}

const houseOf = (
  observed: Observed,
  pipeline: PipelineInput,
  options: Partial<HouseOptions> = {},
): MemoryHouse => new MemoryHouse({ pipelines: [pipeline], observed, ...options })

export async function playWhole(observed: Observed): Promise<void> {
  await playReclaims(observed)
  await playOvertaken(observed)
  await playExpected(observed)
  await playSlow(observed)
  await playZombie(observed)
  await playRefused(observed)
  await playListed(observed)
}

/** So often that it goes on with on-demand capacity. */
async function playReclaims(observed: Observed): Promise<void> {
  const misfortunes = [1, 2, 3, 4, 5].map(jobAttempt => ({
    partition: 2,
    round: 1,
    jobAttempt,
    kind: 'reclaimed' as const,
  }))
  const house = houseOf(observed, linesPipeline(), { misfortunes })
  await house.drop('text/a.txt', linesOf(4))
  await house.untilEnded()
}

/** A submit that sleeps past its lease, somewhere in the middle, ends the job that it has started. */
async function playOvertaken(observed: Observed): Promise<void> {
  for (let seed = 1; seed <= overtakenSeeds; seed++) {
    let slept = false
    const house: MemoryHouse = houseOf(observed, linesPipeline(), {
      seed,
      copies: ({ step }) => (step === 'submit' ? 3 : 1),
      visibleAfterMs: 2 * submitLeaseMs,
      slots: 0,
      dawdles: () => {
        const submits = house.calls.filter(({ by }) => by === 'submit').length
        if (slept || submits < 4 + seed) return 0
        slept = true
        return submitLeaseMs + 1
      },
    })
    await house.drop('text/a.txt', linesOf(4))
    await house.untilQuiet()
  }
}

/** Files by their names, in a group; and one that does not come at all. */
async function playExpected(observed: Observed): Promise<void> {
  const source = { prefix: 'text/', format: 'lines' as const, group: { seconds: 60 } }
  const pipeline = { ...linesPipeline(), source, expect: { by: '06:00', files: 3, matching: 'text/?.txt' } }
  const house = houseOf(observed, pipeline)
  await house.reconcile()
  for (const name of ['a', 'b']) await house.drop(`text/${name}.txt`, linesOf(1, name))
  await house.untilEnded()
  await house.moveTo(sundayAfterSix)
  await house.reconcile()
  // As S3 removes them, long after.
  const { objects } = house.ports
  const runs = (await objects.list(house.config.buckets.state, 'runs/')).objects
  const lists = runs.filter(({ key }) => key.endsWith('/members.json'))
  if (lists.length === 0) throw new Error('nobody wrote down who is in the group')
  await objects.remove(lists.map(({ key }) => ({ bucket: house.config.buckets.state, key })))
  await house.reconcile()
}

/** Some are far slower than their peers. */
async function playSlow(observed: Observed): Promise<void> {
  const misfortunes = [0, 1].map(partition => ({ partition, round: 1, kind: 'lingers' as const }))
  const house = houseOf(observed, linesPipeline(), { misfortunes, slots: 8 })
  await house.drop('text/a.txt', linesOf(20))
  await house.untilQuiet()
  await house.moveTo(house.ports.clock.now() + stragglerAgeMsMin + 60_000)
  await house.reconcile()
  await house.children.letIdleGo()
  await house.untilEnded(1)
}

/** Believed lost, it goes on, and takes away what it has written once its work is another's. */
async function playZombie(observed: Observed): Promise<void> {
  const misfortunes = [{ partition: 1, round: 1, kind: 'zombie' as const, again: true }]
  const house = houseOf(observed, linesPipeline(), { misfortunes })
  await house.drop('text/a.txt', linesOf(4))
  await house.untilEnded()
  await house.children.letIdleGo()
  await house.untilQuiet()
}

/** A header that is not the pipeline's: nothing is frozen, and a person is told. */
async function playRefused(observed: Observed): Promise<void> {
  const house = houseOf(observed, csvPipeline)
  await house.drop('table/a.csv', 'id\n1\n')
  await house.untilEnded()
}

/** A manifest that names objects of the drops bucket, where there is a version to each, and says none. */
async function playListed(observed: Observed): Promise<void> {
  const house = houseOf(observed, linesPipeline({ split: { partitionBytes: 60 } }))
  const bucket = house.config.buckets.drops
  const listed = ['text/old/1.txt', 'text/old/2.txt'].map(key => ({ bucket, key }))
  for (const ref of listed) await house.ports.objects.write(ref, Buffer.from(linesOf(2, ref.key)))
  await house.drop(`${manifestsPrefix}text/list.json`, JSON.stringify({ objects: listed }))
  await house.drop(
    `${manifestsPrefix}text/prefix.json`,
    JSON.stringify({ prefix: `s3://${bucket}/text/old/` }),
  )
  await house.untilEnded()
}

/** Time in which whoever looks out for a wish to leave off does so twice, and then waits to be called off. */
function looksTwice(): Clock['sleep'] {
  let looks = 0
  return (_, over) =>
    new Promise(resolve => {
      if (looks++ < 2 || over === undefined || over.aborted) setImmediate(resolve)
      else over.addEventListener('abort', () => resolve(), { once: true })
    })
}

/** The worker itself, with a command that keeps something between two attempts. */
export async function workWithCheckpoint(observed: Observed): Promise<number[]> {
  const command = program(`const before = existsSync(kept('count'))
    writeFileSync(kept('count'), '1')
    if (!before) process.exit(1)
    say({ id: 1 })`)
  try {
    const planned = await givenRun({ text: 'id\n1\n', work: { command, columns: { id: 'BIGINT' } } })
    const given = { ...planned, clock: { ...planned.clock, sleep: looksTwice() } }
    const { objects, records } = observed({ ...planned } as unknown as Ports, 'worker')
    const options = { objects, records, leave: new Leave() }
    return [(await worked(given, options)).exitCode, (await worked(given, options)).exitCode]
  } finally {
    removePrograms()
  }
}

/** Files that go up in parts, one of which is not taken: the others are given up. */
export async function uploadsTo(
  places: { bucket: string; key: string }[],
): Promise<{ calls: Omit<Seen, 'by' | 'life'>[]; remove: () => Promise<void> }> {
  const file = path.join(tmpdir(), `millrace-policy-${newId()}`)
  const sparse = await open(file, 'w')
  await sparse.truncate(singlePutBytesMax + 1)
  await sparse.close()
  const calls = places.map(place => {
    return { port: 'objects', method: 'write', given: [place, { file }], missing: false }
  })
  return { calls, remove: () => rm(file) }
}
