/** Which queues, definitions and sizes a pipeline's jobs get. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { plannedRound } from '../../shared/chunks.ts'
import type { Assignment } from '../../shared/documents.ts'
import { requestFor } from '../../shared/job-request.ts'
import { fargateSizeMax, fargateSizeOf, type Size } from '../../shared/pipeline/fargate.ts'
import { queueNames } from '../../shared/pipeline/job.ts'
import { fleetOf, placeOf, queueName, shareIdentifier, sizeOf } from '../../shared/placement.ts'
import { heldToNodes, nodeJobsMax, partitionBytesFor } from '../../shared/plan/nodes.ts'
import type { Lane } from '../../shared/records.ts'
import { documentOf, pipelineOf, runId } from './given.ts'

const config = { jobPrefix: 'millrace-dev', fairShare: false }
const work = { command: ['/work'], columns: { id: 'BIGINT' } }
const longest = 'a'.repeat(40)

/** Fargate's table, as Batch's ResourceRequirement has it: vCPUs, and every memory size in MiB. */
const steps = (from: number, to: number, by: number): number[] =>
  Array.from({ length: (to - from) / by + 1 }, (_, at) => (from + at * by) * 1024)
const table: [number, number[]][] = [
  [0.25, [512, 1024, 2048]],
  [0.5, steps(1, 4, 1)],
  [1, steps(2, 8, 1)],
  [2, steps(4, 16, 1)],
  [4, steps(8, 30, 1)],
  [8, steps(16, 60, 4)],
  [16, steps(32, 120, 8)],
]
const isOffered = ({ vcpus, memoryMiB }: Size): boolean =>
  table.some(([has, sizes]) => has === vcpus && sizes.includes(memoryMiB))

describe('a size of Fargate', () => {
  test('is itself, where Fargate has it', () => {
    for (const [vcpus, sizes] of table)
      for (const memoryMiB of sizes)
        assert.deepEqual(fargateSizeOf({ vcpus, memoryMiB }), { vcpus, memoryMiB })
  })

  test('is the next that is no smaller, whatever is asked for', () => {
    for (const vcpus of [0.25, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 8, 9, 16])
      for (let memoryMiB = 512; memoryMiB <= fargateSizeMax.memoryMiB; memoryMiB += 509) {
        const size = fargateSizeOf({ vcpus, memoryMiB }) ?? assert.fail(`${vcpus} ${memoryMiB}`)
        assert.ok(isOffered(size), JSON.stringify(size))
        assert.ok(size.vcpus >= vcpus && size.memoryMiB >= memoryMiB)
      }
  })

  test('is not to be had beyond the largest, which is then what a doubled memory becomes', () => {
    assert.equal(fargateSizeOf({ vcpus: 16.25, memoryMiB: 512 }), undefined)
    assert.equal(fargateSizeOf({ vcpus: 1, memoryMiB: fargateSizeMax.memoryMiB + 1 }), undefined)
    assert.deepEqual(sizeOf({ platform: 'FARGATE', vcpus: 4, memoryMiB: 240 * 1024 }), fargateSizeMax)
  })

  test('stays one through every doubling of its memory', () => {
    for (let memoryMiB = 512; memoryMiB <= 120 * 1024; memoryMiB *= 2)
      assert.ok(isOffered(sizeOf({ platform: 'FARGATE', vcpus: 0.25, memoryMiB })))
  })

  test('is not asked of instances', () => {
    assert.deepEqual(sizeOf({ platform: 'EC2', vcpus: 3, memoryMiB: 777 }), { vcpus: 3, memoryMiB: 777 })
  })
})

describe('the names of queues', () => {
  const jobs = [
    {},
    { architecture: 'arm64' },
    { gpus: 1 },
    { platform: 'FARGATE' },
    { platform: 'FARGATE', architecture: 'arm64' },
    { instances: { types: ['c7i'] } },
  ]
  const names = ['a', 'a-b', 'ab', 'fair', 'gpu', 'daily', 'on-demand', longest]
  const fleets = jobs.flatMap(job => names.map(name => fleetOf(pipelineOf({ name, job }))))
  const distinct = [...new Map(fleets.map(fleet => [fleet.name, fleet])).values()]
  const all = distinct.flatMap(fleet =>
    queueNames.flatMap(queue =>
      [false, true].flatMap(fairShare =>
        [false, true].map(onDemand => queueName({ ...config, fairShare }, fleet, queue, onDemand)),
      ),
    ),
  )

  test('are taken by Batch, with the longest names of pipelines', () => {
    for (const name of all) assert.match(name, /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/)
  })

  test('are never those of another fleet, priority or kind', () => {
    assert.equal(new Set(all).size, all.length)
  })
})

describe('the place of a pipeline’s jobs', () => {
  test('has a definition of its own, and a queue that it shares', () => {
    const place = placeOf(config, pipelineOf({ job: { queue: 'critical' } }))
    assert.deepEqual(place, {
      definition: 'millrace-dev_orders',
      queue: 'millrace-dev-critical',
      onDemandQueue: 'millrace-dev-critical-on-demand',
    })
  })

  test('cannot be another stage’s, whatever the two are called', () => {
    const inStage = (stage: string, name: string): string =>
      placeOf({ ...config, jobPrefix: `millrace-${stage}` }, { ...pipelineOf(), name }).definition
    assert.notEqual(inStage('prod', 'eu-orders'), inStage('prod-eu', 'orders'))
  })

  test('is on demand from the start for several nodes, which Batch cannot run on Spot', () => {
    const { queue, onDemandQueue } = placeOf(config, pipelineOf({ work, job: { nodes: 2 } }))
    assert.equal(queue, onDemandQueue)
  })

  test('has a share with fair share only, whose identifier is no other pipeline’s', () => {
    assert.equal(placeOf(config, pipelineOf()).share, undefined)
    const fair = placeOf({ ...config, fairShare: true }, pipelineOf({ job: { schedulingPriority: 7 } }))
    assert.deepEqual(fair.share, { identifier: shareIdentifier('orders'), priority: 7 })
    const identifiers = ['ab', 'a-b', 'a--b', 'ab-', longest].map(shareIdentifier)
    assert.equal(new Set(identifiers).size, identifiers.length)
    for (const identifier of identifiers) assert.match(identifier, /^[A-Za-z0-9]{1,255}$/)
  })
})

const tie = { runId, round: 1, chunk: 0 }
const asked = (job: object, lane: Lane = {}, before?: string) => {
  const pipeline = pipelineOf({ work, job })
  const place = placeOf({ ...config, fairShare: true }, pipeline)
  return requestFor(documentOf(3, pipeline), place, tie, 3, lane, before)
}

describe('what Batch is asked for', () => {
  test('has the lane’s memory, time and queue before the pipeline’s', () => {
    const { memoryMiB, timeoutSeconds, queue, environment } = asked(
      { memoryMiB: 1000, timeoutMinutes: 2 },
      { memoryMiB: 3000, timeoutMinutes: 4, onDemand: true },
    )
    assert.deepEqual([memoryMiB, timeoutSeconds], [3000, 240])
    assert.match(queue, /-on-demand$/)
    assert.equal(environment.MILLRACE_MEMORY_MIB, '3000')
  })

  test('is a size of Fargate, of which the worker knows whole vCPUs', () => {
    const { vcpus, memoryMiB, environment } = asked({ platform: 'FARGATE', vcpus: 0.25, memoryMiB: 3000 })
    assert.deepEqual([vcpus, memoryMiB, environment.MILLRACE_VCPUS], [0.5, 3072, '1'])
  })

  test('comes after the array before it in a line only', () => {
    assert.deepEqual(
      [asked({}, {}, 'job').after, asked({ sequential: true }, {}, 'job').after],
      [undefined, 'job'],
    )
    assert.equal(asked({ sequential: true }).after, undefined)
  })

  test('never holds a secret', () => {
    const said = JSON.stringify(asked({ secrets: { TOKEN: 'prod/token' } }))
    assert.doesNotMatch(said, /TOKEN|prod/)
  })
})

const told = (partition: number, start: number, lane?: Lane): Assignment => ({
  partition,
  start,
  end: start + 1,
  ...(lane && { lane }),
})
const memory = { memoryMiB: 4096 }
const order = ({ pages }: ReturnType<typeof plannedRound>): number[] =>
  pages.flatMap(({ assignments }) => assignments.map(({ partition }) => partition))

describe('a round', () => {
  const some = [told(0, 0), told(1, 10, memory), told(2, 30), told(3, 20)]

  test('puts those of one lane together', () => {
    const planned = plannedRound(2, some)
    assert.deepEqual(order(planned), [0, 2, 3, 1])
    assert.deepEqual(planned.chunks, [{ partitions: 3 }, { partitions: 1, lane: memory }])
  })

  test('in a line keeps the order of the source, though it takes more arrays', () => {
    const planned = plannedRound(2, some, { sequential: true })
    assert.deepEqual(order(planned), [0, 1, 3, 2])
    assert.deepEqual(planned.chunks, [{ partitions: 1 }, { partitions: 1, lane: memory }, { partitions: 2 }])
  })

  test('of multi-node jobs has one for each partition', () => {
    const { chunks, pages } = plannedRound(2, some.slice(2), { nodes: 2 })
    assert.deepEqual(chunks, [{ partitions: 1 }, { partitions: 1 }])
    assert.deepEqual(
      pages.map(({ page }) => page),
      [0, 10],
    )
  })
})

describe('a source for several nodes', () => {
  const nodes = pipelineOf({ work, job: { nodes: 2 } })

  test('is one partition unless told', () => {
    assert.ok((partitionBytesFor(nodes) ?? 0) > 10 ** 15)
    assert.equal(partitionBytesFor(nodes, 100), 100)
    assert.equal(partitionBytesFor(pipelineOf()), undefined)
  })

  test('cannot be more partitions than may be submitted one by one', () => {
    assert.ok('runId' in heldToNodes(documentOf(nodeJobsMax, nodes)))
    const refusal = heldToNodes(documentOf(nodeJobsMax + 1, nodes))
    assert.equal('code' in refusal && refusal.code, 'TOO_MANY_PARTITIONS')
    assert.ok('runId' in heldToNodes(documentOf(nodeJobsMax + 1)))
  })
})
