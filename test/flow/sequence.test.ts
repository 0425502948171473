/** One partition after the other: `job.sequential`, Batch's dependsOn SEQUENTIAL. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MillraceError } from '../../shared/errors.ts'
import type { Job, Jobs } from '../../shared/ports.ts'
import { JobStatus, RunState } from '../../shared/vocabulary.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { assertWell, codesOf, runOf, workedIn } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const partitions = 6
const retry = { attempts: 2, backoffSeconds: 30, breakerPartitions: 2 }

async function playInLine(misfortunes: Misfortune[], options: Partial<HouseOptions> = {}) {
  const house = new MemoryHouse({
    pipelines: [linesPipeline({ retry, job: { sequential: true } })],
    misfortunes,
    slots: partitions,
    ...options,
  })
  const runId = await house.drop('text/a.txt', linesOf(partitions))
  await house.untilEnded()
  return { house, runId, run: await runOf(house, runId) }
}

const isOfChild = (event: unknown): boolean =>
  (event as { detail: { arrayProperties?: { index?: number } } }).detail.arrayProperties?.index !== undefined

/** Batch, if an array that waited in vain is one job that failed, and no more. */
function withoutChildren(jobs: Jobs): Jobs {
  const isVain = ({ status, statusSummary }: Job): boolean =>
    status === JobStatus.FAILED && statusSummary !== undefined && !statusSummary.SUCCEEDED
  return {
    submit: request => jobs.submit(request),
    find: (name, queue) => jobs.find(name, queue),
    terminate: (jobId, reason) => jobs.terminate(jobId, reason),
    describe: async ids =>
      (await jobs.describe(ids)).map(job =>
        isVain(job) ? { ...job, statusReason: 'Dependent Job failed' } : job,
      ),
    failures: async (jobId, after) => {
      const [job] = await jobs.describe([jobId])
      return job && isVain(job) ? { failed: [] } : jobs.failures(jobId, after)
    },
  }
}

describe('partitions in line', () => {
  test('are worked one after the other, in the order of the source', async () => {
    const { house, run } = await playInLine([])
    assert.equal(run.state, RunState.SUCCEEDED)
    assert.deepEqual(workedIn(house, 1), [0, 1, 2, 3, 4, 5])
    assert.equal(house.ports.jobs.submitted()[0]?.request.sequential, true)
    await assertWell(house)
  })

  test('behind one that failed cost no try, trip no breaker, and go on in the next round', async () => {
    const { house, runId, run } = await playInLine([
      { partition: 2, round: 1, kind: 'dies', end: { exitCode: 3 } },
    ])
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2])
    assert.deepEqual(
      [workedIn(house, 1), workedIn(house, 2)],
      [
        [0, 1, 2],
        [2, 3, 4, 5],
      ],
    )
    assert.deepEqual(await codesOf(house, runId, 2), ['APPLICATION'])
    for (const behind of [3, 4, 5]) assert.deepEqual(await codesOf(house, runId, behind), ['SUPERSEDED'])
    await assertWell(house)
  })

  test('are not tried behind one that nothing heals', async () => {
    const error = new MillraceError('BAD_INPUT', 'no')
    const { house, run } = await playInLine([{ partition: 1, kind: 'throws', error }])
    assert.deepEqual([run.state, run.failure?.code], [RunState.FAILED, 'BAD_INPUT'])
    assert.deepEqual(workedIn(house, 1), [0, 1])
    await assertWell(house)
  })

  test('wait while Batch itself starts one again that Spot took', async () => {
    const { house, run } = await playInLine([{ partition: 1, kind: 'reclaimed' }])
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 1])
    assert.deepEqual(workedIn(house, 1), [0, 1, 1, 2, 3, 4, 5])
    await assertWell(house)
  })

  test('that are cut for want of memory go on in the order of the source, whatever their numbers', async () => {
    const { house, runId, run } = await playInLine([
      {
        partition: 1,
        round: 1,
        kind: 'dies',
        end: { reason: 'OutOfMemoryError: Container killed', exitCode: 137 },
      },
    ])
    assert.equal(run.state, RunState.SUCCEEDED)
    assert.deepEqual(workedIn(house, 2), [1, 6, 7, 8, 2, 3, 4, 5])
    assert.deepEqual(await codesOf(house, runId, 1), ['OUT_OF_MEMORY'])
    await assertWell(house)
  })

  test('do not leave off in their midst: a notice of the machine ends the attempt', async () => {
    let told = false
    const { house, run } = await playInLine([], {
      mayLeave: () => true,
      fault: ({ name, by }) => {
        if (told || by !== 'worker' || name !== 'objects.write') return undefined
        told = true
        return { kind: 'notice', when: 'before' }
      },
    })
    assert.equal(run.state, RunState.SUCCEEDED)
    assert.deepEqual([told, run.partitions, run.resplits ?? []], [true, partitions, []])
    await assertWell(house)
  })

  test('can all be worked beside one that fails, where nothing asks for a line', async () => {
    const { house } = await playInLine([{ partition: 0, round: 1, kind: 'dies', end: { exitCode: 75 } }], {
      pipelines: [linesPipeline({ retry })],
    })
    assert.deepEqual(workedIn(house, 1).toSorted(), [0, 1, 2, 3, 4, 5])
    assert.deepEqual(workedIn(house, 2), [0])
  })

  test('of an array that never began, and of which Batch lists no child, cost no try either', async () => {
    // Those of round 2 are in two arrays: one has more memory.
    const { house, runId, run } = await playInLine(
      [
        { partition: 1, round: 1, kind: 'throws', error: new MillraceError('OUT_OF_MEMORY', 'full') },
        { partition: 1, round: 2, kind: 'dies', end: { exitCode: 75 } },
      ],
      {
        pipelines: [linesPipeline({ retry, split: { partitionBytes: 3 }, job: { sequential: true } })],
        copies: ({ step, event }) => (step === 'track' && isOfChild(event) ? 0 : 1),
        observed: ports => ({ ...ports, jobs: withoutChildren(ports.jobs) }),
      },
    )
    assert.equal(run.state, RunState.SUCCEEDED)
    assert.ok(house.ports.jobs.submitted().some(({ request }) => request.after !== undefined))
    for (let behind = 2; behind < run.partitions; behind++) {
      const codes = await codesOf(house, runId, behind)
      assert.ok(!codes.slice(1).includes('UNKNOWN'), `${behind}: ${codes}`)
    }
    await assertWell(house)
  })

  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    test(`keep every promise under doubled and late events (seed ${seed})`, async () => {
      const { house, run } = await playInLine(
        [
          { partition: 0, round: 1, kind: 'never starts', end: { statusReason: 'Task failed to start' } },
          { partition: 3, round: 2, kind: 'dies', end: { exitCode: 75 } },
        ],
        { seed, copies: () => 2 },
      )
      assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 3])
      await assertWell(house)
    })
  }
})
