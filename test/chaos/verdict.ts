/** Whether a run published what was dropped, and whether anything is left that nobody names. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { verdictOn } from '../../cli/verify.ts'
import { type Certificate, officialOutputs } from '../../shared/certificate.ts'
import { systemClock } from '../../shared/clock.ts'
import type { RunRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { certificateAt, publishedRows } from '../story/published.ts'
import type { Row } from './cases.ts'
import { livingWorkers, type Town } from './town.ts'

const differencesShownMax = 3
/** A worker that was told to go has this long. */
const goneWithinMs = 10_000
const lookEveryMs = 100

/** @param expected what independent readers find in what was dropped */
export async function checkRun(
  { world, dataDir }: Town,
  run: RunRecord,
  expected: readonly Row[],
  ordered: boolean,
): Promise<string[]> {
  if (run.state !== RunState.SUCCEEDED || run.certificate === undefined) {
    return [`it is ${run.state}: ${run.failure?.code} ${run.failure?.words}`]
  }
  const { faults } = await verdictOn(world, run, false, () => {})
  const found = (await publishedRows({ dataDir, certificate: run.certificate }, 'id, text')) as Row[]
  return [
    ...faults.slice(0, differencesShownMax).map(({ code, where, words }) => `${code}: ${where}: ${words}`),
    ...foreignOutputs(certificateAt({ dataDir, certificate: run.certificate })),
    ...differences(found, expected, ordered),
  ]
}

/** The name of an output tells whose it is; none may be of another attempt than the one that counts. */
function foreignOutputs({ partitions }: Certificate): string[] {
  return partitions.flatMap(({ partition, attempt, outputs }) =>
    outputs
      .filter(({ key }) => !new RegExp(`-${attempt}(-\\d+)?[.][a-z.]+$`).test(key))
      .map(
        ({ key }) => `attempt ${attempt} counts for partition ${partition}, but not for its output ${key}`,
      ),
  )
}

function differences(found: readonly Row[], expected: readonly Row[], ordered: boolean): string[] {
  const [is, should] = ordered
    ? [asTexts(found), asTexts(expected)]
    : [asTexts(found).toSorted(), asTexts(expected).toSorted()]
  const faults = is.length === should.length ? [] : [`${is.length} records, not ${should.length}`]
  for (let at = 0; at < Math.max(is.length, should.length); at++) {
    if (is[at] === should[at]) continue
    faults.push(`record ${at} is ${is[at]}, not ${should[at]}`)
    if (faults.length > differencesShownMax) break
  }
  return faults
}

const asTexts = (rows: readonly Row[]): string[] => rows.map(row => JSON.stringify(row.map(asText)))
const asText = (value: unknown): string | null => (value === null ? null : String(value))

/** Once every run has ended. */
export async function checkTown(town: Town, published: readonly RunRecord[]): Promise<string[]> {
  const left = await stillThere(town)
  const faults = left.map(pid => `process ${pid} is still a worker`)
  const named = new Set(published.flatMap(run => namesOf(town, run)))
  for (const key of await keysIn(town, town.world.config.buckets.output)) {
    if (!named.has(key)) faults.push(`no certificate names the output ${key}`)
  }
  const known = new Set(published.map(({ runId }) => runId))
  for (const key of await keysIn(town, town.world.config.buckets.state, 'pieces/')) {
    if (known.has(key.split('/')[1] ?? '')) faults.push(`the piece ${key} of a published run is still there`)
  }
  return faults
}

async function stillThere(town: Town): Promise<number[]> {
  const deadline = systemClock.now() + goneWithinMs
  for (;;) {
    const running = (await town.running()).map(({ pid }) => pid)
    const left = [...new Set([...running, ...livingWorkers(town.dataDir)])]
    if (left.length === 0 || systemClock.now() >= deadline) return left
    await systemClock.sleep(lookEveryMs)
  }
}

function namesOf({ dataDir }: Town, { certificate = '' }: RunRecord): string[] {
  const file = path.join(dataDir, 'objects', 'output', certificate)
  if (!existsSync(file)) return []
  const read = JSON.parse(readFileSync(file, 'utf8')) as Certificate
  return [certificate, ...officialOutputs(read).map(({ key }) => key)]
}

async function keysIn({ world }: Town, bucket: string, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  let after: string | undefined
  do {
    const { objects, next } = await world.objects.list(bucket, prefix, after)
    keys.push(...objects.map(({ key }) => key))
    after = next
  } while (after !== undefined)
  return keys
}
