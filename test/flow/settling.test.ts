/** Several settles of one round, a person between them, and what a settle that died has left: one decision stands. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { settle } from '../../functions/settle.ts'
import { freezeResplits } from '../../functions/steps/resplits.ts'
import { retryRun } from '../../functions/steps/retry.ts'
import { beginPublishing } from '../../functions/steps/rounds.ts'
import { cancelRun, stopRun } from '../../functions/steps/stop.ts'
import type { Resplit } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { FailureCode } from '../../shared/failure.ts'
import type { Item } from '../../shared/table.ts'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import type { Fate } from '../../sim/fates.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { type PortCall, person } from '../../sim/port-calls.ts'
import { faultsOf } from '../../sim/proof.ts'
import { assertWell, partitionOf, runOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const outOfMemory: Fate = {
  kind: 'dies',
  end: { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' },
}

const keyOf = ({ subject }: PortCall): string => (subject as { key?: string }).key ?? ''
const isCertificate = (call: PortCall): boolean =>
  call.name === 'objects.write' && keyOf(call).includes('/_millrace/')

async function opened(options: Partial<HouseOptions>): Promise<{ house: MemoryHouse; runId: string }> {
  const house = new MemoryHouse({ pipelines: [linesPipeline()], afterFault: 'lost', ...options })
  return { house, runId: await house.drop('text/a.txt', linesOf(4)) }
}

async function assertProven(house: MemoryHouse): Promise<void> {
  for (const certificate of house.ports.certificates)
    assert.deepEqual(await faultsOf(certificate, house.ports, true), [])
  await assertWell(house)
}

describe('a run that a person cancels', () => {
  for (const when of ['before', 'after'] as const) {
    test(`has SUCCEEDED where a settle died just ${when} its certificate was written`, async () => {
      const struck: PortCall[] = []
      const { house, runId } = await opened({
        fault: call => (isCertificate(call) && struck.push(call) === 1 ? { kind: 'dies', when } : undefined),
      })
      await house.untilQuiet()
      const asked = cancelRun(house.worldOf(person), runId)
      await assert.rejects(asked, { code: 'NOT_ALLOWED', message: 'The run is being published.' })
      await house.untilEnded(3)
      assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
      await assertProven(house)
    })
  }

  test('is either CANCELLED or certified, whenever that happens while it is published', async () => {
    const whole = await opened({})
    await whole.house.untilEnded()
    const states = new Set<string>()
    for (const [nth, { by }] of whole.house.calls.entries()) {
      if (by !== 'settle') continue
      let asked: Promise<unknown> | undefined
      const { house, runId } = await opened({
        fault: (_, at) => {
          if (at === nth) asked = cancelRun(house.worldOf(person), runId).catch(() => undefined)
          return undefined
        },
      })
      await house.untilEnded(3)
      await asked
      states.add((await runOf(house, runId)).state)
      await assertProven(house)
    }
    assert.deepEqual([...states].toSorted(), [RunState.CANCELLED, RunState.SUCCEEDED])
  })
})

describe('a run that is being published', () => {
  test('cannot be stopped by who has seen it before', async () => {
    const { house, runId } = await opened({ holds: ({ step }) => step === 'settle' })
    await house.untilQuiet()
    const world = house.worldOf(person)
    const seen = await runOf(house, runId)
    await beginPublishing(world, seen)
    const why = { code: 'UNSCHEDULABLE', words: 'no place', remedy: 'none' }
    assert.equal(await stopRun(world, seen, why), false)
    house.deliveries.stopHolding()
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertProven(house)
  })
})

describe('what a settle that died has given away', () => {
  const begun: Resplit = { partition: 0, at: 30, end: 60, first: 4, shares: 1, depth: 1 }
  const bigger = linesPipeline({
    split: { partitionBytes: 60 },
    job: { memoryMiB: 2048, memoryMiBMax: 2048 },
  })

  /** Four partitions of three lines; the first round's end finds those resplits begun. */
  async function begunWith(resplits: Resplit[], options: Partial<HouseOptions>) {
    const house = new MemoryHouse({ pipelines: [bigger], afterFault: 'lost', slots: 0, ...options })
    const runId = await house.drop('text/a.txt', linesOf(12))
    await house.untilQuiet()
    assert.ok(await freezeResplits(house.worldOf(person), runId, 2, resplits))
    house.children.slots = 4
    return { house, runId }
  }

  test('is not added to by who left off since, who is heard in the next round', async () => {
    const { house, runId } = await begunWith([begun], {
      mayLeave: nth => nth === 1,
      fault: (_, __, { nth, calls }) =>
        nth === 1 && calls === 4 ? { kind: 'notice', when: 'after' } : undefined,
      misfortunes: [{ partition: 0, ...outOfMemory, round: 1 }],
    })
    await house.untilEnded(3)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.ok((await partitionOf(house, runId, 1)).report?.rest, 'it left off')
    await assertProven(house)
  })

  test('keeps nobody else from being cut a round later', async () => {
    const misfortunes = [0, 1].map(partition => ({ partition, ...outOfMemory, round: 1 }))
    const again = { partition: 1, ...outOfMemory, round: 2 }
    const { house, runId } = await begunWith([begun], { misfortunes: [...misfortunes, again] })
    await house.untilEnded(3)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertProven(house)
  })

  test('is known to a person who retries the run that never went on', async () => {
    const retry = { attempts: 1 }
    const house = new MemoryHouse({
      pipelines: [{ ...bigger, retry }],
      slots: 0,
      misfortunes: [
        { partition: 0, ...outOfMemory, round: 1 },
        { partition: 1, round: 1, kind: 'throws', error: new MillraceError('TEMPORARY_FAILURE', 'no') },
      ],
    })
    const runId = await house.drop('text/a.txt', linesOf(12))
    await house.untilQuiet()
    await freezeResplits(house.worldOf(person), runId, 2, [begun])
    house.children.slots = 4
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.FAILED)
    await retryRun(house.worldOf(person), runId)
    const { partitions, resplits } = await runOf(house, runId)
    assert.deepEqual({ partitions, resplits }, { partitions: 5, resplits: [2] })
    await house.untilEnded()
    const run = await runOf(house, runId)
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2])
    await assertProven(house)
  })
})

const roundEnded = (runId: string) => ({
  source: 'millrace',
  'detail-type': 'Round Ended',
  detail: { runId, pipeline: 'text', round: 1 },
})

/** As somebody sees it for whom partition 2 has failed so, who looked before it SUCCEEDED. */
function seenEarlier(world: World, code: FailureCode): World {
  const before = (item: Item): Item => {
    if (item.partition !== 2) return item
    const { report: _, ...others } = item
    const failure = { round: 1, fence: 0, code, fingerprint: code, reason: 'as it was', at: '' }
    return { ...others, fence: 0, state: PartitionState.FAILED, failures: [failure] }
  }
  const query: World['records']['query'] = async asked => {
    const page = await world.records.query(asked)
    return { ...page, items: page.items.map(before) }
  }
  return { ...world, records: { ...others(world.records), query } }
}

/** Of ports that are no plain objects. */
const others = (records: World['records']): World['records'] => ({
  get: key => records.get(key),
  put: (...given) => records.put(...given),
  update: (...given) => records.update(...given),
  query: asked => records.query(asked),
})

describe('two settles of one round', () => {
  for (const code of ['BAD_INPUT', 'SPOT_RECLAIMED'] as const) {
    test(`of which one knows only that a partition failed cannot end what the other publishes: ${code}`, async () => {
      const struck: PortCall[] = []
      const { house, runId } = await opened({
        fault: call =>
          isCertificate(call) && struck.push(call) === 1 ? { kind: 'dies', when: 'after' } : undefined,
      })
      await house.untilQuiet()
      await settle(seenEarlier(house.worldOf(person), code), roundEnded(runId))
      const { state, round } = await runOf(house, runId)
      assert.deepEqual([state, round], [RunState.RUNNING, 1])
      await house.untilEnded(3)
      assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)

      await assertProven(house)
    })
  }

  test('give away what either of them has decided first, whatever the other has found', async () => {
    const house = new MemoryHouse({
      pipelines: [linesPipeline()],
      misfortunes: [{ partition: 2, round: 1, kind: 'throws', error: new MillraceError('THROTTLED', 'no') }],
      holds: ({ step }) => step === 'settle',
    })
    const runId = await house.drop('text/a.txt', linesOf(4))
    await house.untilQuiet()
    const world = house.worldOf(person)
    const resplit: Resplit = { partition: 2, at: 50, end: 60, first: 4, shares: 1, depth: 1 }
    let decided: Promise<boolean> | undefined
    const write: World['objects']['write'] = async (...given) => {
      decided ??= freezeResplits(world, runId, 2, [resplit])
      await decided
      return world.objects.write(...given)
    }
    const { objects } = world
    const second = {
      read: objects.read,
      head: objects.head,
      list: objects.list,
      remove: objects.remove,
      write,
    }
    await settle({ ...world, objects: second }, roundEnded(runId))
    const { partitions, resplits, round } = await runOf(house, runId)
    assert.deepEqual({ partitions, resplits, round }, { partitions: 5, resplits: [2], round: 2 })
    house.deliveries.stopHolding()
    await house.untilEnded()
    await assertProven(house)
  })

  test('of which one is late take back no success that came since', async () => {
    let late: Promise<void> | undefined
    const held = Promise.withResolvers<void>()
    const house: MemoryHouse = new MemoryHouse({
      pipelines: [linesPipeline()],
      misfortunes: [{ partition: 2, round: 1, kind: 'starts wrong', bytesLater: 3 }],
      holds: ({ step, event }) => step === 'settle' && late === undefined && event !== undefined,
    })
    const runId = await house.drop('text/a.txt', linesOf(4))
    await house.untilQuiet()
    const world = house.worldOf(person)
    const { records } = world
    const slow = {
      ...world,
      records: {
        ...records,
        put: async (...given: Parameters<typeof records.put>) => {
          await held.promise
          return records.put(...given)
        },
      },
    } as typeof world
    late = settle(slow, roundEnded(runId))
    house.deliveries.stopHolding()
    await house.untilQuiet()
    const before = await partitionOf(house, runId, 2)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    held.resolve()
    await late
    assert.deepEqual(await partitionOf(house, runId, 2), before)
    await house.untilQuiet()
    await assertProven(house)
  })
})
