/** The failure ladder as a run climbs it: cut smaller, given more, moved elsewhere, and always ended. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { retryRun } from '../../functions/steps/retry.ts'
import { recordKeys } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, codesOf, partitionOf, runOf, workedIn } from './endings.ts'
import { linesOf, linesPipeline, play } from './settings.ts'

const outOfMemory = { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' }
const timedOut = { statusReason: 'Job attempt duration exceeded timeout' }
const killed = (partition: number, end: object, round?: number): Misfortune => ({
  partition,
  kind: 'dies',
  end,
  ...(round === undefined ? {} : { round }),
})

describe('a partition that ran out of', () => {
  for (const [what, end, code] of [
    ['memory', outOfMemory, 'OUT_OF_MEMORY'],
    ['time', timedOut, 'TIMED_OUT'],
  ] as const) {
    test(`${what} is cut in quarters, which are worked side by side, and nothing else is`, async () => {
      const { house, runId, run } = await play([killed(2, end, 1)])
      assert.deepEqual([run.state, run.round, run.partitions], [RunState.SUCCEEDED, 2, 7])
      assert.deepEqual(workedIn(house, 2), [2, 4, 5, 6])
      assert.deepEqual(await codesOf(house, runId, 2), [code])
      const numbers = house.ports.certificates[0]?.partitions.map(({ partition }) => partition)
      assert.deepEqual(numbers, [0, 1, 2, 4, 5, 6, 3], 'in the order of the source')
      await assertWell(house)
    })
  }

  test('memory whatever its size is given more, up to the cap, and then its run fails and says so', async () => {
    const everywhere = Array.from({ length: 2000 }, (_, partition) => killed(partition, outOfMemory))
    const { house, run } = await play(everywhere)
    assert.deepEqual([run.state, run.failure?.code], [RunState.FAILED, 'OUT_OF_MEMORY'])
    assert.match(run.failure?.remedy ?? '', /job\.memoryMiBMax/)
    const asked = house.ports.jobs.submitted().map(({ request }) => request.memoryMiB)
    assert.equal(Math.max(...asked), 8192)
    assert.ok(run.partitions <= 4 * 4 + 1000, 'it does not multiply without end')
    await assertWell(house)
  })

  test('memory for good is worked when a person retries it with more, or elsewhere, and no other is', async () => {
    const job = { memoryMiB: 1024, memoryMiBMax: 1024 }
    const pipelines = [linesPipeline({ job })]
    const misfortunes = Array.from({ length: 40 }, (_, partition) =>
      [1, 2, 3].map(round => killed(partition === 0 ? 2 : partition + 3, outOfMemory, round)),
    )
    const { house, runId, run } = await play(misfortunes.flat(), { pipelines })
    assert.deepEqual([run.state, run.round], [RunState.FAILED, 3])
    const lane = { onDemand: true, memoryMiB: 4096, timeoutMinutes: 90 } as const
    await retryRun(house.worldOf(person), runId, lane)
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    const { queue, memoryMiB, timeoutSeconds } = house.ports.jobs.submitted().at(-1)?.request ?? {}
    assert.deepEqual([queue, memoryMiB, timeoutSeconds], ['millrace-local-daily-on-demand', 4096, 90 * 60])
    assert.ok(!workedIn(house, 4).some(partition => [0, 1, 3].includes(partition)))
    await assertWell(house)
  })
})

describe('a partition that Spot takes again and again', () => {
  const reclaims = [1, 2, 3, 4, 5].map(jobAttempt => ({
    partition: 2,
    round: 1,
    jobAttempt,
    kind: 'reclaimed' as const,
  }))

  test('goes on with on-demand capacity, alone', async () => {
    const { house, run } = await play(reclaims)
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2])
    const queues = house.ports.jobs.submitted().map(({ request }) => [request.queue, request.size])
    assert.deepEqual(queues, [
      ['millrace-local-daily', 4],
      ['millrace-local-daily-on-demand', 1],
    ])
    await assertWell(house)
  })

  test('does not take the others of its round with it', async () => {
    const temporary: Misfortune = { partition: 0, round: 1, kind: 'dies', end: { exitCode: 75 } }
    const { house, run } = await play([...reclaims, temporary])
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2])
    const second = house.ports.jobs.submitted().slice(1)
    assert.deepEqual(second.map(({ request }) => [request.queue, request.size]).toSorted(), [
      ['millrace-local-daily', 1],
      ['millrace-local-daily-on-demand', 1],
    ])
    await assertWell(house)
  })
})

describe('a settle that dies while it gives partitions away', () => {
  test('is followed by one that gives the very same away', async () => {
    const story = {
      pipelines: [linesPipeline()],
      misfortunes: [killed(1, outOfMemory, 1), killed(2, timedOut, 1)],
    }
    const whole = new MemoryHouse(story)
    await whole.drop('text/a.txt', linesOf(4))
    await whole.untilEnded()
    for (const [at, call] of whole.calls.entries()) {
      if (call.by !== 'settle') continue
      for (const when of ['before', 'after'] as const) {
        const house = new MemoryHouse({ ...story, fault: (_, number) => (number === at ? when : undefined) })
        const runId = await house.drop('text/a.txt', linesOf(4))
        await house.untilEnded(3)
        const run = await runOf(house, runId)
        assert.deepEqual([run.state, run.partitions], [RunState.SUCCEEDED, 10], `${when} call ${at}`)
        await assertWell(house)
      }
    }
  })
})

describe('a partition that fails without a word, as often as it may', () => {
  test('is told to be worked with care, once', async () => {
    const { house, runId } = await play([killed(3, { exitCode: 139 })])
    const run = await runOf(house, runId)
    assert.deepEqual([run.state, run.round], [RunState.FAILED, 4])
    assert.equal((await partitionOf(house, runId, 3)).failures?.length, 4)
    const page = await house.ports.objects.read({ bucket: 'state', key: `runs/${runId}/rounds/04/0000.json` })
    assert.match(String(Buffer.concat(await page.toArray())), /"careful":true/)
    assert.equal(await house.ports.records.get(recordKeys.round(runId, 5)), undefined)
    await assertWell(house)
  })
})
