/** Runs of several stages: split, work, merge. Each retries only its own failed tasks; nothing is left of any. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { retryRun } from '../../functions/steps/retry.ts'
import { type RunDocument, stageBase, stateKeys } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { PipelineInput } from '../../shared/pipeline.ts'
import { splitRound } from '../../shared/plan/split.ts'
import { headBytesMax } from '../../shared/plan.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { type PortCall, person } from '../../sim/port-calls.ts'
import { assertWell, codesOf, runOf, workedIn } from './endings.ts'
import { arrayOf, arrayPipeline, linesOf, linesPipeline, merged } from './settings.ts'

const temporary = new MillraceError('TEMPORARY_FAILURE', 'the network hiccups')
const task = { split: stageBase.split, merge: stageBase.merge }

async function play(body: string, misfortunes: Misfortune[] = [], options: Partial<HouseOptions> = {}) {
  const house = new MemoryHouse({ pipelines: [arrayPipeline], misfortunes, ...options })
  const runId = await house.drop(`${house.pipelines[0]?.source.prefix}a.json`, body)
  await house.untilEnded()
  return { house, runId, run: await runOf(house, runId) }
}

const once = (pipeline: PipelineInput): PipelineInput => ({ ...pipeline, retry: { attempts: 1 } })

describe('a file that can only be read from its start', () => {
  test('is split in a round of its own, then worked in parallel, and its pieces are gone', async () => {
    const { house, runId, run } = await play(arrayOf(5))
    assert.deepEqual([run.state, run.round, run.partitions], [RunState.SUCCEEDED, 2, 6])
    assert.deepEqual(workedIn(house, 1), [task.split])
    assert.deepEqual(workedIn(house, 2).toSorted(), [0, 1, 2, 3, 4, 5])
    assert.deepEqual(await codesOf(house, runId, task.split), [])
    await assertWell(house)
  })

  test('is split again alone where that failed, and the work begins after it', async () => {
    const { house, run } = await play(arrayOf(3), [
      { partition: task.split, round: 1, kind: 'throws', error: temporary },
      { partition: task.split, round: 2, kind: 'dies', end: { exitCode: 137 } },
      { partition: 1, round: 4, kind: 'throws', error: temporary },
    ])
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 5])
    assert.deepEqual([workedIn(house, 2), workedIn(house, 3)], [[task.split], [task.split]])
    assert.deepEqual([workedIn(house, 4).length, workedIn(house, 5)], [run.partitions, [1]])
    await assertWell(house)
  })

  test('writes no piece twice where a reclaimed machine had written them', async () => {
    const { house, run } = await play(arrayOf(5), [{ partition: task.split, kind: 'reclaimed' }])
    assert.equal(run.state, RunState.SUCCEEDED)
    const pieces = house.calls.filter(
      ({ name, subject }) =>
        name === 'objects.write' && (subject as { key: string }).key.startsWith('pieces/'),
    )
    assert.equal(pieces.length, new Set(pieces.map(({ subject }) => JSON.stringify(subject))).size)
    await assertWell(house)
  })

  test('whose split gave up is retried by a person from its split on', async () => {
    const { house, runId, run } = await play(
      arrayOf(3),
      [{ partition: task.split, round: 1, kind: 'throws', error: temporary }],
      { pipelines: [once(arrayPipeline)] },
    )
    assert.deepEqual([run.state, run.failure?.code], [RunState.FAILED, 'TEMPORARY'])
    await retryRun(house.worldOf(person), runId)
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.deepEqual(workedIn(house, 2), [task.split])
    await assertWell(house)
  })

  test('is worked whole though an interrupted settle left a page of the split in the way', async () => {
    const house = new MemoryHouse({ pipelines: [arrayPipeline] })
    const runId = await house.drop('array/a.json', arrayOf(5))
    const left = { ...splitRound({ source: { bytes: 1 } } as RunDocument), round: 2 }
    const key = stateKeys.assignments(runId, 2, 0)
    const bucket = house.config.buckets.state
    await house.ports.objects.write({ bucket, key }, Buffer.from(JSON.stringify(left)))
    await house.untilEnded()
    const run = await runOf(house, runId)
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 3])
    assert.deepEqual(workedIn(house, 3).toSorted(), [0, 1, 2, 3, 4, 5])
    await assertWell(house)
  })

  test('without a record ends well: its certificate is of nothing', async () => {
    const { house, run } = await play('[ \n ] '.padEnd(50))
    assert.equal(run.state, RunState.SUCCEEDED)
    await assertWell(house)
  })
})

describe('a file that reading shows to be bad as a whole', () => {
  // Behind what planning sees of it.
  const body = `[${'{"line":"0"}'.padEnd(headBytesMax)},\n{"line":"1"}\n{"line":"no comma"}]`
  const pipelines = [{ ...arrayPipeline, split: { partitionBytes: 40_000 } }]

  test('is REFUSED with a code, a place and a remedy; nothing of it stays, and it cannot be retried', async () => {
    const { house, runId, run } = await play(body, [], { pipelines })
    assert.deepEqual(workedIn(house, 1), [task.split])
    assert.deepEqual([run.state, run.failure?.code], [RunState.REFUSED, 'JSON_BROKEN'])
    assert.match(run.failure?.words ?? '', /byte 65552 \(line 3\): \{ stands where a comma/)
    assert.match(run.failure?.remedy ?? '', /Correct the file/)
    assert.equal(house.ports.chat.messages.length, 1)
    assert.match(house.ports.chat.messages[0]?.text ?? '', /file refused/)
    await assert.rejects(retryRun(house.worldOf(person), runId), { code: 'NOT_ALLOWED' })
    await assertWell(house)
  })

  test('is REFUSED once, whichever one call fails and whether its event comes again', async () => {
    const { house: whole } = await play(body, [], { pipelines })
    for (let at = 0; at < whole.calls.length * 2; at++) {
      const when = at % 2 === 0 ? 'before' : 'after'
      let hit: PortCall | undefined
      const fault = (call: PortCall, number: number) => {
        if (number === Math.floor(at / 2)) hit = call
        return number === Math.floor(at / 2) ? when : undefined
      }
      const afterFault = at % 3 === 0 ? 'again' : 'lost'
      const house = new MemoryHouse({ pipelines, fault, afterFault })
      const runId = await house.drop('array/a.json', body)
      await house.untilEnded(3)
      const { state, failure } = await runOf(house, runId)
      assert.deepEqual([state, failure?.code], [RunState.REFUSED, 'JSON_BROKEN'], `${when} ${hit?.name}`)
      await assertWell(house, hit?.by === 'notify' ? 2 : 1)
    }
  })

  test('is REFUSED also where only one of its partitions sees it, though others had SUCCEEDED', async () => {
    const error = new MillraceError('BAD_INPUT', 'byte 70: the block is damaged', {
      refusal: 'STREAM_CORRUPT',
      remedy: 'Upload it again.',
    })
    const { house, run } = await play(linesOf(5), [{ partition: 3, kind: 'throws', error }], {
      pipelines: [linesPipeline()],
    })
    assert.deepEqual(run.failure, {
      code: 'STREAM_CORRUPT',
      words: 'byte 70: the block is damaged',
      remedy: 'Upload it again.',
    })
    assert.equal(run.state, RunState.REFUSED)
    const left = await house.ports.objects.list(house.config.buckets.output, 'curated/text/')
    assert.deepEqual(left.objects, [])
    assert.equal(house.ports.certificates.length, 0)
    await assertWell(house)
  })
})

describe('small files', () => {
  const pipelines = [merged(linesPipeline())]

  test('become one before they are published, which the certificate names in their place', async () => {
    const { house, run } = await play(linesOf(4), [], { pipelines })
    assert.deepEqual([run.state, run.round, run.merges], [RunState.SUCCEEDED, 2, 1])
    assert.deepEqual(workedIn(house, 2), [task.merge])
    const [certificate] = house.ports.certificates
    assert.equal(certificate?.merges?.[0]?.inputs.length, 4)
    await assertWell(house)
  })

  test('are merged again alone where that failed; the work is not repeated', async () => {
    const { house, run } = await play(
      linesOf(4),
      [{ partition: task.merge, round: 2, kind: 'throws', error: temporary }],
      { pipelines },
    )
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 3])
    assert.deepEqual(workedIn(house, 3), [task.merge])
    await assertWell(house)
  })

  test('whose merge gave up are merged when a person retries the run, and never published before', async () => {
    const { house, runId, run } = await play(
      linesOf(4),
      [{ partition: task.merge, round: 2, kind: 'throws', error: temporary }],
      { pipelines: pipelines.map(once) },
    )
    assert.equal(run.state, RunState.FAILED)
    assert.equal(house.ports.certificates.length, 0)
    await retryRun(house.worldOf(person), runId)
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.deepEqual(workedIn(house, 3), [task.merge])
    await assertWell(house)
  })

  test('stay as they are where there is only one', async () => {
    const { house, run } = await play(linesOf(1), [], { pipelines })
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 1])
    await assertWell(house)
  })
})
