/** A pipeline of a bucket that was there before: its objects become runs, and nothing else of it is heard. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { auditObjects } from '../../cli/audit/objects.ts'
import { putDrop } from '../../cli/drop.ts'
import { partition } from '../../functions/partition.ts'
import { objectCreated } from '../../local/events/envelope.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { PipelineInput } from '../../shared/pipeline.ts'
import { runIdOf } from '../../shared/plan.ts'
import { groupsPrefix, manifestsPrefix } from '../../shared/reserved.ts'
import { EventType, ownSource, RunState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, runOf, runsOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const bucket = 'my-lake'
const lines = linesPipeline()
const lake: PipelineInput = {
  ...linesPipeline({ name: 'lake' }),
  source: { bucket, prefix: 'text/', format: 'lines' },
  output: { prefix: 'curated/lake/' },
}
const whole: PipelineInput = {
  ...lake,
  name: 'whole',
  source: { bucket: 'my-pond', prefix: '', format: 'lines' },
  output: { prefix: 'curated/whole/' },
}
const grouped: PipelineInput = { ...lake, source: { bucket, prefix: 'text/', format: 'lines', group: {} } }

function houseOf(options: Partial<HouseOptions> = {}): MemoryHouse {
  return new MemoryHouse({ pipelines: [lines, lake, whole], ...options })
}

describe('an object of a bucket of the user', () => {
  test('is loaded by the pipeline of its bucket, though another has the same prefix', async () => {
    const house = houseOf()
    const own = await house.drop('text/a.txt', linesOf(3), { bucket })
    const dropped = await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    assert.match(own, /^lake_/)
    assert.match(dropped, /^text_/)
    for (const [runId, from, partitions] of [
      [own, bucket, 3],
      [dropped, 'drops', 2],
    ] as const) {
      const run = await runOf(house, runId)
      assert.deepEqual([run.state, run.source.bucket, run.partitions], [RunState.SUCCEEDED, from, partitions])
    }
    await assertWell(house)
  })

  test('opens no door where no pipeline takes it', async () => {
    const house = houseOf()
    assert.equal(await house.drop('other/a.txt', linesOf(1), { bucket }), '')
    assert.equal(await house.drop('text/a.txt', linesOf(1), { bucket: 'elsewhere' }), '')
    await house.untilQuiet()
    assert.deepEqual(house.calls, [])
  })

  test('is an ordinary one, though its key is reserved in the drops bucket', async () => {
    const house = houseOf()
    const runIds = []
    for (const key of [`${manifestsPrefix}whole/a.txt`, `${groupsPrefix}whole/000000000001`, 'a.txt']) {
      runIds.push(await house.drop(key, linesOf(1), { bucket: 'my-pond' }))
    }
    await house.untilEnded()
    for (const runId of runIds) {
      const run = await runOf(house, runId)
      assert.deepEqual([run.pipeline, run.state, run.objects], ['whole', RunState.SUCCEEDED, undefined])
    }
  })

  test('is read where it is as one of a group', async () => {
    const house = houseOf({ pipelines: [lines, grouped] })
    for (const name of ['a', 'b']) await house.drop(`text/${name}.txt`, linesOf(1, name), { bucket })
    await house.untilEnded()
    const [run, ...others] = await runsOf(house, 'lake')
    assert.deepEqual(others, [])
    assert.equal(run?.state, RunState.SUCCEEDED)
    assert.equal(run?.source.bucket, 'drops')
    assert.equal(run?.objects?.count, 2)
    await assertWell(house)
  })
})

describe('a list of a pipeline with a bucket of its own', () => {
  for (const [what, manifest] of [
    ['a bare key', { objects: [{ key: 'old/1.txt' }, { key: 'old/2.txt' }] }],
    ['a bare prefix', { prefix: 'old/' }],
    ['a URI', { prefix: `s3://${bucket}/old/` }],
  ] as const) {
    test(`finds objects of that bucket by ${what}`, async () => {
      const house = houseOf()
      for (const at of [1, 2]) {
        await house.ports.objects.write({ bucket, key: `old/${at}.txt` }, Buffer.from(linesOf(1, `of ${at}`)))
      }
      const ref = { bucket: 'drops', key: `${manifestsPrefix}lake/list.json` }
      const { version = '' } = await house.ports.objects.write(ref, Buffer.from(JSON.stringify(manifest)))
      await house.untilEnded()
      const run = await runOf(house, runIdOf('lake', ref, version))
      assert.deepEqual([run.state, run.objects?.count], [RunState.SUCCEEDED, 2])
      await assertWell(house)
    })
  }
})

describe('an audit of a pipeline with a bucket of its own', () => {
  test('lists that bucket, and the manifests of the stage', async () => {
    const house = houseOf()
    await house.drop('text/a.txt', linesOf(1), { bucket })
    await house.drop('text/b.txt', linesOf(1))
    await house.drop(`${manifestsPrefix}lake/list.json`, JSON.stringify({ objects: [{ key: 'text/a.txt' }] }))
    await house.untilEnded()
    const world = house.worldOf(person)
    const [pipeline] = world.pipelines.filter(({ name }) => name === 'lake')
    assert.ok(pipeline)
    const found: string[] = []
    const tally = await auditObjects(world, pipeline, {
      take: async findings =>
        void found.push(...findings.map(({ source }) => `${source.bucket}/${source.key}`)),
    })
    assert.deepEqual(found.toSorted(), ['drops/_manifests/lake/list.json', 'my-lake/text/a.txt'])
    assert.equal(tally.loaded.objects, 2)
  })
})

describe('a bucket that S3 lets nobody read', () => {
  /** As S3 says it of a policy, a key or a Region that is not ours. */
  const refusing = (house: MemoryHouse, closed: string): World => {
    const world = house.worldOf(person)
    const refuse = async (from: string): Promise<void> => {
      if (from === closed) throw new MillraceError('REQUEST_REFUSED', 'S3: AccessDenied: no')
    }
    const { head, list } = world.objects
    const objects: World['objects'] = {
      ...world.objects,
      head: async (ref, version) => (await refuse(ref.bucket)) ?? head(ref, version),
      list: async (from, prefix, after) => (await refuse(from)) ?? list(from, prefix, after),
    }
    return { ...world, objects }
  }
  const createdIn = (from: string, key: string): unknown =>
    objectCreated({ bucket: from, key, bytes: 20, etag: 'e', version: '1', sequencer: '1' }, 0)

  test('has its objects REFUSED with what to set, at once', async () => {
    const house = houseOf()
    await partition(refusing(house, bucket), createdIn(bucket, 'text/a.txt'))
    const [run] = await runsOf(house, 'lake')
    assert.deepEqual([run?.state, run?.failure?.code], [RunState.REFUSED, 'SOURCE_NOT_READABLE'])
    assert.match(run?.failure?.remedy ?? '', /source\.bucket.*source\.kmsKeyArn/)
  })

  for (const [what, manifest] of [
    ['prefix', { prefix: 's3://elsewhere/old/' }],
    ['key', { objects: [{ bucket: 'elsewhere', key: 'old/1.txt' }] }],
  ] as const) {
    test(`has a list that names a ${what} of it REFUSED alike`, async () => {
      const house = houseOf()
      const ref = { bucket: 'drops', key: `${manifestsPrefix}text/list.json` }
      const body = Buffer.from(JSON.stringify(manifest))
      const { version = '', etag, bytes } = await house.ports.objects.write(ref, body)
      const event = objectCreated({ ...ref, bytes, etag, version, sequencer: version }, 0)
      await partition(refusing(house, 'elsewhere'), event)
      const [run] = await runsOf(house, 'text')
      assert.deepEqual([run?.state, run?.failure?.code], [RunState.REFUSED, 'SOURCE_NOT_READABLE'])
    })
  }

  test('has each of a group REFUSED by itself', async () => {
    const house = houseOf({ pipelines: [lines, grouped] })
    const world = refusing(house, bucket)
    await partition(world, createdIn(bucket, 'text/a.txt'))
    await house.ports.clock.advance(61_000)
    const detail = { runId: '', pipeline: 'lake', group: 0 }
    await partition(world, { source: ownSource, 'detail-type': EventType.groupDue, detail })
    const [run, ...others] = await runsOf(house, 'lake')
    assert.deepEqual(others, [])
    assert.deepEqual([run?.state, run?.failure?.code], [RunState.REFUSED, 'SOURCE_NOT_READABLE'])
  })

  test("cannot be the stage's own: then the event waits until the stage is repaired", async () => {
    const house = houseOf()
    const act = partition(refusing(house, 'drops'), createdIn('drops', 'text/a.txt'))
    await assert.rejects(act, { code: 'REQUEST_REFUSED' })
    assert.deepEqual(await runsOf(house, 'text'), [])
  })
})

describe('in a bucket that keeps no versions', () => {
  const open = (options: Partial<HouseOptions> = {}): MemoryHouse =>
    houseOf({ unversioned: [bucket], ...options })
  const endsOf = async (house: MemoryHouse): Promise<string[]> =>
    (await runsOf(house, 'lake'))
      .map(({ state, failure }) => [state, failure?.code].join(' ').trim())
      .toSorted()

  test('an object is loaded once, however often its event comes', async () => {
    const house = open({ copies: ({ step }) => (step === 'partition' ? 3 : 1) })
    await house.drop('text/a.txt', linesOf(2), { bucket })
    await house.untilEnded()
    const [run, ...others] = await runsOf(house, 'lake')
    assert.deepEqual(others, [])
    assert.deepEqual([run?.state, run?.source.version], [RunState.SUCCEEDED, undefined])
  })

  test('an object that is overwritten before it is planned is REFUSED, its successor loaded', async () => {
    const house = open()
    await house.drop('text/a.txt', linesOf(2), { bucket })
    await house.drop('text/a.txt', linesOf(3, 'newer'), { bucket })
    await house.untilEnded()
    assert.deepEqual(await endsOf(house), ['REFUSED SOURCE_CHANGED', 'SUCCEEDED'])
  })

  test('an object that is overwritten in mid-run ends it as FAILED: no reader sees half of each', async () => {
    const house = open({ slots: 0 })
    await house.drop('text/a.txt', linesOf(2), { bucket })
    await house.untilQuiet()
    await house.drop('text/a.txt', linesOf(3, 'newer'), { bucket })
    house.children.slots = 4
    await house.untilEnded()
    assert.deepEqual(await endsOf(house), ['FAILED SOURCE_CHANGED', 'SUCCEEDED'])
    assert.deepEqual(
      house.ports.certificates.map(({ dataEnd }) => dataEnd),
      [60],
    )
    assert.deepEqual(house.ports.invariants.broken, [])
  })

  test('the same content dropped again is a drop of its own', async () => {
    const house = open()
    for (let times = 0; times < 2; times++) {
      await house.drop('text/a.txt', linesOf(1), { bucket })
      await house.untilEnded()
    }
    assert.deepEqual(await endsOf(house), ['SUCCEEDED', 'SUCCEEDED'])
  })

  test('a drop is found by what its event brings, not by what was dropped there before', async () => {
    const house = open()
    const clock = { ...house.ports.clock, sleep: () => house.untilQuiet() }
    const world = { ...house.worldOf(person), ...house.ports.watched, clock }
    const pipeline = world.pipelines.find(({ name }) => name === 'lake')
    assert.ok(pipeline)
    const runIds = []
    for (let times = 0; times < 2; times++) {
      const { runId } = await putDrop(world, pipeline, { bucket, key: 'text/a.txt' }, Buffer.from(linesOf(1)))
      await house.untilEnded()
      assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
      runIds.push(runId)
    }
    assert.equal(new Set(runIds).size, 2)
  })
})
