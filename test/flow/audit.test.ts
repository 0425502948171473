/** What the ledger lacks is found, and dropped anew without a copy. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { arrivingMsMax, auditObjects } from '../../cli/audit/objects.ts'
import { dropAnew } from '../../cli/audit.ts'
import { partition } from '../../functions/partition.ts'
import { objectCreated } from '../../local/events/envelope.ts'
import { type Finding, type Standing, sinceMs, type Tally } from '../../shared/audit.ts'
import { groupKeys } from '../../shared/groups.ts'
import type { PipelineInput } from '../../shared/pipeline.ts'
import { fromItem, type RunRecord, recordKeys } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Delivery } from '../../sim/deliveries.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const oddKeys = ['text/a b+c.txt', 'text/100%.txt', 'text/über/☃ 😀.txt', 'text/it\'s "quoted".txt']
const dayMs = 24 * 60 * 60 * 1000

/** The events of these keys never come. */
function losing(lost: (key: string) => boolean): NonNullable<HouseOptions['copies']> {
  return ({ event }: Delivery) => {
    const { detail } = event as { detail?: { object?: { key: string } } }
    return detail?.object && lost(detail.object.key) ? 0 : 1
  }
}

function houseOf(options: Partial<HouseOptions> = {}, given: Partial<PipelineInput> = {}): MemoryHouse {
  return new MemoryHouse({ pipelines: [{ ...linesPipeline(), ...given }], ...options })
}

async function audited(
  house: MemoryHouse,
  since?: number,
): Promise<{ tally: Tally; findings: Finding[]; keys: (standing: Standing) => string[] }> {
  const [pipeline] = house.pipelines
  assert.ok(pipeline)
  const findings: Finding[] = []
  const take = async (some: readonly Finding[]): Promise<void> => void findings.push(...some)
  const options = { ...(since === undefined ? {} : { since }), take }
  const tally = await auditObjects(house.worldOf(person), pipeline, options)
  const keys = (standing: Standing): string[] =>
    findings.filter(finding => finding.standing === standing).map(({ source }) => source.key)
  return { tally, findings, keys }
}

async function dropMissing(house: MemoryHouse): Promise<number> {
  const [pipeline] = house.pipelines
  assert.ok(pipeline)
  const { findings } = await audited(house)
  const missing = findings.filter(({ standing }) => standing === 'missing')
  return (await dropAnew(house.worldOf(person), pipeline, missing)).length
}

async function later(house: MemoryHouse, ms = arrivingMsMax): Promise<void> {
  await house.moveTo(house.ports.clock.now() + ms)
}

async function runsOf(house: MemoryHouse): Promise<RunRecord[]> {
  const { items } = await house.ports.records.query({ index: 'pipeline', pk: 'text' })
  return items.map(item => fromItem<RunRecord>(item))
}

describe('an audit', () => {
  test('finds the objects whose events were lost, drops them anew, and is clean when they are loaded', async () => {
    const house = houseOf({ copies: losing(key => oddKeys.includes(key)) })
    for (const key of oddKeys) await house.drop(key, linesOf(2))
    await house.drop('text/loaded.txt', linesOf(2))
    await house.untilEnded()
    await later(house)
    const before = await audited(house)
    assert.deepEqual(before.keys('missing').toSorted(), oddKeys.toSorted())
    assert.deepEqual(before.keys('loaded'), ['text/loaded.txt'])
    assert.equal(before.tally.missing.bytes, oddKeys.length * 40)

    assert.equal(await dropMissing(house), oddKeys.length)
    await house.untilEnded()
    const after = await audited(house)
    assert.equal(after.tally.loaded.objects, oddKeys.length + 1)
    assert.equal(after.tally.missing.objects, 0)
    await assertWell(house)
  })

  test('that drops anew twice, and after whose drop the lost event comes after all, makes one run', async () => {
    const house = houseOf({ holds: ({ step }) => step === 'partition' })
    const runId = await house.drop('text/a.txt', linesOf(2))
    await later(house)
    const late = house.deliveries.held.splice(0)
    assert.equal(late.length, 1)
    house.deliveries.stopHolding()
    assert.equal(await dropMissing(house), 1)
    assert.equal(await dropMissing(house), 1)
    await house.untilEnded()
    for (const { step, event } of late) house.deliveries.enqueue(step, event)
    await house.untilEnded()
    assert.deepEqual(
      (await runsOf(house)).map(run => [run.runId, run.state]),
      [[runId, RunState.SUCCEEDED]],
    )
    await assertWell(house)
  })

  test('cannot call missing what has just come', async () => {
    const house = houseOf({ copies: losing(() => true) })
    await house.drop('text/new.txt', linesOf(1))
    assert.deepEqual((await audited(house)).keys('underWay'), ['text/new.txt'])
    await later(house)
    assert.deepEqual((await audited(house)).keys('missing'), ['text/new.txt'])
  })

  test('tells what has failed or was refused from what was loaded, with its run', async () => {
    const house = houseOf()
    const runId = await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    for (const [state, standing] of [
      [RunState.FAILED, 'failed'],
      [RunState.CANCELLED, 'failed'],
      [RunState.REFUSED, 'refused'],
      [RunState.WAITING, 'underWay'],
    ] as const) {
      await house.ports.records.update(recordKeys.run(runId), { set: { state } })
      const { findings } = await audited(house)
      assert.deepEqual(
        findings.map(finding => [finding.standing, finding.runId, finding.state]),
        [[standing, runId, state]],
      )
    }
  })

  test('counts the current version of a key: that an earlier one was loaded is not enough', async () => {
    let lost = false
    const house = houseOf({ copies: losing(() => lost) })
    await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    lost = true
    await house.drop('text/a.txt', linesOf(2))
    await later(house)
    assert.deepEqual((await audited(house)).keys('missing'), ['text/a.txt'])
    lost = false
    assert.equal(await dropMissing(house), 1)
    await house.untilEnded()
    assert.equal((await audited(house)).tally.loaded.objects, 1)
    assert.equal((await runsOf(house)).length, 2)
  })

  test('looks only at what was written since, and not at what another pipeline takes', async () => {
    const other = {
      ...linesPipeline({ name: 'other' }),
      source: { prefix: 'text/other/', format: 'lines' as const },
    }
    const house = new MemoryHouse({ pipelines: [linesPipeline(), other], copies: losing(() => true) })
    await house.drop('text/old.txt', linesOf(1))
    await later(house, dayMs)
    const since = house.ports.clock.now()
    await house.drop('text/new.txt', linesOf(1))
    await house.drop('text/other/not mine.txt', linesOf(1))
    await later(house)
    assert.deepEqual((await audited(house, since)).keys('missing'), ['text/new.txt'])
    assert.deepEqual((await audited(house)).keys('missing'), ['text/new.txt', 'text/old.txt'])
  })

  test('takes an object that a list has loaded for loaded, with all its manifests', async () => {
    const house = houseOf({ copies: losing(key => key.startsWith('text/')) })
    for (const at of [1, 2, 3]) await house.drop(`text/${at}.txt`, linesOf(at))
    await house.drop('_manifests/text/list', 'text/1.txt\ntext/3.txt\n')
    await house.untilEnded()
    await later(house)
    const { keys } = await audited(house)
    assert.deepEqual(keys('loaded'), ['_manifests/text/list', 'text/1.txt', 'text/3.txt'])
    assert.deepEqual(keys('missing'), ['text/2.txt'])
  })

  test('finds a manifest that nobody was told of, and drops that anew', async () => {
    const house = houseOf({ copies: losing(() => true) })
    await house.drop('text/1.txt', linesOf(1))
    const key = '_manifests/text/list'
    await house.drop(key, 'text/1.txt\n')
    await later(house)
    const { findings } = await audited(house)
    const [pipeline] = house.pipelines
    assert.ok(pipeline)
    const manifest = findings.filter(({ source }) => source.key === key)
    await dropAnew(house.worldOf(person), pipeline, manifest)
    await house.untilEnded()
    assert.deepEqual((await audited(house)).keys('loaded'), [key, 'text/1.txt'])
  })

  test('cannot tell what a list held that is kept no longer: that is unclear, and not dropped anew', async () => {
    const house = houseOf({ copies: losing(key => key.startsWith('text/')) })
    await house.drop('text/1.txt', linesOf(1))
    await house.drop('_manifests/text/list', 'text/1.txt\n')
    await house.untilEnded()
    await later(house)
    await house.drop('text/2.txt', linesOf(1))
    await later(house)
    const [run] = await runsOf(house)
    const bucket = house.config.buckets.state
    const { objects } = await house.ports.objects.list(bucket, `runs/${run?.runId}/`)
    await house.ports.objects.remove(objects.map(({ key }) => ({ bucket, key })))
    const { keys } = await audited(house)
    assert.deepEqual(keys('unclear'), ['text/1.txt'])
    assert.deepEqual(keys('missing'), ['text/2.txt'])
  })

  test('takes what waits in a group for under way, and cannot once the group is gone', async () => {
    const source = { prefix: 'text/', format: 'lines' as const, group: { seconds: 900, objects: 100 } }
    const house = houseOf({ copies: losing(() => true) }, { source })
    const { bucket, key } = { bucket: house.config.buckets.drops, key: 'text/small.txt' }
    await house.drop(key, linesOf(1))
    const { bytes, etag, version = '' } = (await house.ports.objects.head({ bucket, key })) ?? assert.fail()
    const created = { bucket, key, bytes, etag, version, sequencer: version }
    const world = house.worldOf(person)
    await partition(world, objectCreated(created, house.ports.clock.now()))
    await later(house)
    assert.deepEqual((await audited(house)).keys('underWay'), [key])
    await house.ports.records.update(groupKeys.group('text', 0), { remove: ['open', 'openSk'] })
    assert.deepEqual((await audited(house)).keys('missing'), [key])
  })

  test('holds 2,500 objects against the ledger', async () => {
    const source = { prefix: 'text/', format: 'lines' as const, group: { seconds: 60, objects: 1000 } }
    const house = houseOf(
      { copies: losing(key => Number(key.slice(-4)) % 500 === 7), gated: false, withContent: false },
      { source },
    )
    for (let at = 0; at < 2500; at++) await house.drop(`text/${String(at).padStart(4, '0')}`, 'line\n')
    await house.untilEnded()
    await later(house)
    const { tally, keys } = await audited(house)
    assert.equal(tally.loaded.objects, 2495)
    assert.equal(tally.loaded.bytes, 2495 * 5)
    assert.deepEqual(keys('missing'), ['text/0007', 'text/0507', 'text/1007', 'text/1507', 'text/2007'])
    assert.equal(await dropMissing(house), 5)
    await house.untilEnded()
    assert.equal((await audited(house)).tally.loaded.objects, 2500)
  })

  test('cannot find what was never there, or is gone', async () => {
    const house = houseOf({ copies: losing(() => true) })
    assert.equal((await audited(house)).findings.length, 0)
    await house.drop('text/a.txt', linesOf(1))
    await house.ports.objects.remove([{ bucket: house.config.buckets.drops, key: 'text/a.txt' }])
    assert.equal((await audited(house)).findings.length, 0)
  })
})

describe('since', () => {
  const now = Date.UTC(2026, 10, 21, 12)
  test('is how long ago, or a date, in UTC where it names no zone', () => {
    assert.equal(sinceMs('7d', now), now - 7 * dayMs)
    assert.equal(sinceMs('90m', now), now - 90 * 60_000)
    assert.equal(sinceMs('2w', now), now - 14 * dayMs)
    assert.equal(sinceMs('2026-11-01', now), Date.UTC(2026, 10, 1))
    assert.equal(sinceMs('2026-11-01T06:30', now), Date.UTC(2026, 10, 1, 6, 30))
    assert.equal(sinceMs('2026-11-01T06:30+02:00', now), Date.UTC(2026, 10, 1, 4, 30))
  })

  test('cannot be anything else', () => {
    for (const text of [
      '',
      '7',
      'd',
      '-1d',
      'yesterday',
      '2026-13-01',
      '1.11.2026',
      '7 d',
      '2026-11-01 06:00',
    ])
      assert.equal(sinceMs(text, now), undefined, text)
  })
})
