/** What is measured is what happened, once, however often events come. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { createMeter } from '../../functions/doorway/meter.ts'
import { MillraceError } from '../../shared/errors.ts'
import { dimensionsOf, type Measurement } from '../../shared/metrics.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import type { Misfortune } from '../../sim/fates.ts'
import type { Life } from '../../sim/life.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { runOf } from './endings.ts'
import { csvPipeline, linesOf, linesPipeline } from './settings.ts'

const temporary = new MillraceError('TEMPORARY_FAILURE', 'the network hiccups')

class MeasuredHouse extends MemoryHouse {
  readonly measured: Measurement[] = []

  override worldOf(who: Life | string): World {
    return { ...super.worldOf(who), measure: measurement => void this.measured.push(measurement) }
  }

  /** Sums by metric and its last dimensions, `SpotReclaims text`; without the gauges. */
  counts(): Record<string, number> {
    const sums: Record<string, number> = {}
    for (const measurement of this.measured) {
      for (const labels of dimensionsOf(measurement)) {
        const name = [measurement.metric, ...Object.values(labels)].join(' ')
        sums[name] = (sums[name] ?? 0) + measurement.value
      }
    }
    return sums
  }
}

async function played(misfortunes: Misfortune[], options: Partial<HouseOptions> = {}) {
  const pipelines = [linesPipeline({ retry: { attempts: 2 } })]
  const house = new MeasuredHouse({ pipelines, misfortunes, ...options })
  const runId = await house.drop('text/a.txt', linesOf(4))
  await house.untilEnded()
  return { house, state: (await runOf(house, runId)).state, counts: house.counts() }
}

describe('a run that was published', () => {
  const smooth = {
    'RunsRegistered text': 1,
    'RoundsSubmitted text': 1,
    'RunsSucceeded text': 1,
    'RecordsRead text': 4,
    'RecordsPublished text': 4,
    'BytesRead text': 80,
  }

  test('counts once, with its records and bytes, and nothing that did not happen', async () => {
    const { counts } = await played([])
    assert.ok((counts['BytesPublished text'] ?? 0) > 0)
    const { 'BytesPublished text': _, ...others } = counts
    assert.deepEqual(others, smooth)
  })

  test('cannot count twice where every event comes twice', async () => {
    const { counts } = await played([], { copies: () => 2 })
    const { 'BytesPublished text': _, ...others } = counts
    assert.deepEqual(others, smooth)
  })

  test('says how many partitions were worked again, for which code, in how many rounds', async () => {
    const { counts } = await played([
      { partition: 0, round: 1, kind: 'throws', error: temporary },
      { partition: 2, round: 1, kind: 'throws', error: temporary },
      { partition: 3, round: 1, kind: 'never starts', end: { reason: 'CannotPullContainerError: x' } },
    ])
    assert.equal(counts['RoundsSubmitted text'], 2)
    assert.equal(counts['PartitionsRetried TEMPORARY'], 2)
    assert.equal(counts['PartitionsRetried INFRASTRUCTURE'], 1)
    assert.equal(counts['SpotReclaims text'], undefined)
    assert.equal(counts.RunsNotPublished, undefined)
  })

  test('counts a partition each time it is worked again, and not because another is', async () => {
    const { counts } = await played(
      [
        { partition: 0, round: 1, kind: 'throws', error: temporary },
        { partition: 1, round: 1, kind: 'throws', error: temporary },
        { partition: 1, round: 2, kind: 'throws', error: temporary },
      ],
      { pipelines: [linesPipeline({ retry: { attempts: 5 } })] },
    )
    assert.deepEqual([counts['RoundsSubmitted text'], counts['PartitionsRetried TEMPORARY']], [3, 3])
  })

  test('cannot count a round twice that two settle at the same time', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const failing: Misfortune = { partition: 1, round: 1, kind: 'throws', error: temporary }
      const { counts } = await played([failing], { seed, copies: () => 3 })
      assert.equal(counts['PartitionsRetried TEMPORARY'], 1, `seed ${seed}`)
    }
  })

  test('counts a reclaim after which Batch itself started the attempt again, though nothing failed', async () => {
    const { counts } = await played([{ partition: 1, round: 1, kind: 'zombie', again: true }])
    assert.deepEqual([counts['SpotReclaims text'], counts['RoundsSubmitted text']], [1, 1])
  })

  test('says how often Spot took an attempt back', async () => {
    const { counts } = await played([
      { partition: 1, round: 1, kind: 'zombie', again: false },
      { partition: 2, round: 1, kind: 'zombie', again: false },
    ])
    assert.equal(counts['SpotReclaims text'], 2)
    assert.equal(counts['PartitionsRetried SPOT_RECLAIMED'], 2)
  })
})

describe('a run that was not published', () => {
  test('counts as failed, for its pipeline and for the alarm, and publishes nothing', async () => {
    const misfortunes = [1, 2, 3].map(
      round => ({ partition: 1, round, kind: 'throws', error: temporary }) as const,
    )
    const { counts, state } = await played(misfortunes)
    assert.equal(state, RunState.FAILED)
    assert.deepEqual([counts['RunsFailed text'], counts.RunsNotPublished], [1, 1])
    assert.deepEqual([counts['RunsSucceeded text'], counts['RecordsPublished text']], [undefined, undefined])
  })

  test('counts as refused where planning refused it, and not as registered', async () => {
    const house = new MeasuredHouse({ pipelines: [csvPipeline], copies: () => 2 })
    await house.drop('table/a.csv', 'id\n1\n')
    await house.untilEnded()
    const {
      'RunsRefused table': refused,
      RunsNotPublished,
      'RunsRegistered table': registered,
    } = house.counts()
    assert.deepEqual([refused, RunsNotPublished, registered], [1, 1, undefined])
  })
})

describe('reconcile', () => {
  test('tells its heartbeat and nothing else where nothing is open', async () => {
    const house = new MeasuredHouse({ pipelines: [linesPipeline()] })
    await house.reconcile()
    assert.deepEqual(house.measured, [{ metric: 'Reconciled', value: 1 }])
  })

  test('tells of open runs their age, their children, and the vCPUs that these have', async () => {
    const pipelines = [linesPipeline({ job: { vcpus: 4 } })]
    const misfortunes: Misfortune[] = [{ partition: 1, round: 1, kind: 'lingers' }]
    const house = new MeasuredHouse({ pipelines, misfortunes })
    await house.drop('text/a.txt', linesOf(3))
    await house.untilQuiet()
    const before = house.measured.length
    await house.reconcile()
    const gauges = Object.fromEntries(
      house.measured.slice(before).map(({ metric, value, labels = {} }) => {
        return [[metric, ...Object.values(labels)].join(' '), value]
      }),
    )
    const { OldestOpenRunAge: age = 0, ...others } = gauges
    assert.ok(age >= 60, `it is ${age} s old`)
    assert.deepEqual(others, {
      Reconciled: 1,
      'OpenRuns RUNNING': 1,
      'PartitionsInBatch SUCCEEDED': 2,
      'PartitionsInBatch RUNNING': 1,
      VcpusInUse: 4,
    })
  })
})

describe('a function in AWS', () => {
  interface Line {
    _aws: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: unknown[] }[] }
    [name: string]: unknown
  }

  /** What is written while `act` runs. */
  function written(t: TestContext, act: () => void): Line[] {
    const write = t.mock.method(process.stdout, 'write', () => true)
    act()
    write.mock.restore()
    return write.mock.calls.flatMap(({ arguments: [text] }) => JSON.parse(String(text)) as Line)
  }

  test('writes one line for each set of dimensions, as CloudWatch reads it', t => {
    const meter = createMeter()
    const measure = meter.of('prod')
    measure({ metric: 'RunsFailed', value: 1, labels: { pipeline: 'orders' } })
    measure({ metric: 'BytesRead', value: 7, labels: { pipeline: 'orders' } })
    measure({ metric: 'StepFailures', value: 1, labels: { function: 'settle' } })
    const lines = written(t, () => meter.flush())
    const plain = lines.map(({ _aws, ...values }) => [_aws.CloudWatchMetrics[0], values])
    const inSpace = (dimensions: string[], metrics: unknown[]) => ({
      Namespace: 'Millrace',
      Dimensions: [dimensions],
      Metrics: metrics,
    })
    const ours = { service: 'millrace', stage: 'prod' }
    const failures = [{ Name: 'StepFailures', Unit: 'Count' }]
    assert.deepEqual(plain, [
      [
        inSpace(
          ['service', 'stage', 'pipeline'],
          [
            { Name: 'RunsFailed', Unit: 'Count' },
            { Name: 'BytesRead', Unit: 'Bytes' },
          ],
        ),
        { ...ours, pipeline: 'orders', RunsFailed: 1, BytesRead: 7 },
      ],
      [inSpace(['service', 'stage'], failures), { ...ours, StepFailures: 1 }],
      [inSpace(['service', 'stage', 'function'], failures), { ...ours, function: 'settle', StepFailures: 1 }],
    ])
  })

  test('writes nothing where nothing was measured, and nothing twice', t => {
    const meter = createMeter()
    meter.of('prod')({ metric: 'Reconciled', value: 1 })
    assert.equal(written(t, () => meter.flush()).length, 1)
    assert.deepEqual(
      written(t, () => meter.flush()),
      [],
    )
  })
})
