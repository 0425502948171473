/** Each partition a multi-node job of its own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseJobEnd } from '../../shared/events.ts'
import type { PipelineInput } from '../../shared/pipeline.ts'
import { JobStatus, RunState } from '../../shared/vocabulary.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { assertWell, codesOf, runOf, workedIn } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const work = { command: ['/work'], columns: { line: 'VARCHAR' } } as PipelineInput['work']
const nodesPipeline = (more: Partial<PipelineInput> = {}): PipelineInput => {
  const { split: _, ...whole } = linesPipeline({ work, job: { nodes: 3 }, retry: { backoffSeconds: 0 } })
  return { ...whole, ...more } as PipelineInput
}

async function playOnNodes(misfortunes: Misfortune[], more: Partial<PipelineInput> = {}, partitions = 4) {
  const house = new MemoryHouse({ pipelines: [nodesPipeline(more)], misfortunes })
  const runId = await house.drop('text/a.txt', linesOf(partitions))
  await house.untilEnded()
  return { house, runId, run: await runOf(house, runId) }
}
const sizesOf = (house: MemoryHouse): (number | undefined)[][] =>
  house.ports.jobs.submitted().map(({ request }) => [request.size, request.nodes])

describe('a run on several nodes', () => {
  test('is one partition, and one job on demand, unless told', async () => {
    const { house, run } = await playOnNodes([])
    assert.deepEqual([run.state, run.partitions], [RunState.SUCCEEDED, 1])
    assert.deepEqual(sizesOf(house), [[1, 3]])
    assert.match(house.ports.jobs.submitted()[0]?.request.queue ?? '', /-on-demand$/)
    await assertWell(house)
  })

  test('is a job for each partition, and in the next round for each that failed', async () => {
    const { house, runId, run } = await playOnNodes(
      [
        { partition: 1, round: 1, kind: 'dies', end: { exitCode: 75 } },
        { partition: 3, round: 1, kind: 'never starts', end: { statusReason: 'Task failed to start' } },
      ],
      { split: { partitionBytes: 20 } },
    )
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2])
    assert.deepEqual(sizesOf(house), Array(6).fill([1, 3]))
    assert.deepEqual(workedIn(house, 2).toSorted(), [1, 3])
    assert.deepEqual(await codesOf(house, runId, 3), ['INFRASTRUCTURE'])
    await assertWell(house)
  })

  test('is given more memory, and is not cut, where it runs out of it', async () => {
    const { house, run } = await playOnNodes([
      { partition: 0, round: 1, kind: 'dies', end: { reason: 'OutOfMemoryError: full', exitCode: 137 } },
    ])
    assert.deepEqual([run.state, run.partitions], [RunState.SUCCEEDED, 1])
    const memory = house.ports.jobs.submitted().map(({ request }) => request.memoryMiB)
    assert.deepEqual(memory, [2048, 4096])
    await assertWell(house)
  })

  test('is REFUSED where it would be too many jobs', async () => {
    const { house, run } = await playOnNodes([], { split: { partitionBytes: 20 } }, 101)
    assert.deepEqual([run.state, run.failure?.code], [RunState.REFUSED, 'TOO_MANY_PARTITIONS'])
    assert.deepEqual(sizesOf(house), [])
  })

  test('merges its small files by jobs of their own, too', async () => {
    const output = { prefix: 'curated/text/', targetFileBytes: 1024 ** 2 }
    const { house, run } = await playOnNodes([], { split: { partitionBytes: 20 }, output })
    assert.deepEqual([run.state, run.merges], [RunState.SUCCEEDED, 1])
    assert.deepEqual(new Set(sizesOf(house).flat()), new Set([1, 3]))
    await assertWell(house)
  })
})

test('the end of one node is not the end of its job', () => {
  const detail = { jobName: `text_${'a'.repeat(24)}_r01_c00`, status: JobStatus.FAILED }
  const event = (jobId: string) => ({
    source: 'aws.batch',
    'detail-type': 'Batch Job State Change',
    detail: { ...detail, jobId },
  })
  assert.equal(parseJobEnd(event('j'))?.jobId, 'j')
  assert.equal(parseJobEnd(event('j#1')), undefined)
})
