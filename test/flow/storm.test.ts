/** Many small troubles at once, drawn by a seed: calls that fail, events lost, repeated and late, workers that end badly. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stageBase } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import { seededRandom } from '../../shared/memory/clock.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Fate, Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import type { PortCall } from '../../sim/port-calls.ts'
import { assertWell, runsOf } from './endings.ts'
import { arrayOf, arrayPipeline, linesOf, linesPipeline, merged } from './settings.ts'

const storms = 150
const partitions = 7
const roundsOfTrouble = 4
const reconcilesMax = 40
/** Longer than any lease: a step that was believed dead goes on. */
const dawdleMsMax = 8 * 60 * 1000

/** None of them ends a run that may try ten times. */
const fates: readonly Fate[] = [
  { kind: 'throws', error: new MillraceError('TEMPORARY_FAILURE', 'the network hiccups') },
  { kind: 'throws', error: new MillraceError('WORK_FAILED', 'a bad day') },
  { kind: 'dies', end: { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' } },
  { kind: 'dies', end: { statusReason: 'Job attempt duration exceeded timeout' } },
  {
    kind: 'never starts',
    end: { statusReason: 'Task failed to start', reason: 'CannotPullContainerError: x' },
  },
  { kind: 'reclaimed' },
  { kind: 'vanishes' },
  { kind: 'zombie', again: true },
  { kind: 'zombie', again: false },
  { kind: 'starts wrong', bytesLater: 7 },
]

function troubles(random: () => number): Misfortune[] {
  const drawn: Misfortune[] = []
  const work = Array.from({ length: partitions }, (_, at) => at)
  for (const partition of [...work, stageBase.split, stageBase.merge]) {
    for (let round = 1; round <= roundsOfTrouble; round++) {
      const fate = fates[Math.floor(random() * fates.length * 3)]
      if (fate !== undefined) drawn.push({ partition, round, ...fate })
    }
  }
  return drawn
}

async function storm(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const hits: PortCall[] = []
  const house = new MemoryHouse({
    seed,
    pipelines: [linesPipeline({ retry: { attempts: 10, backoffSeconds: 30 } }), merged(arrayPipeline)],
    misfortunes: troubles(random),
    // The drop itself is in a queue until it is done; all that follows may be lost.
    copies: ({ step }) => Math.floor(random() * 4) + (step === 'partition' ? 1 : 0),
    fault: call => {
      if (random() > 0.02) return undefined
      hits.push(call)
      return random() < 0.5 ? 'before' : 'after'
    },
    afterFault: seed % 2 === 0 ? 'again' : 'lost',
    dawdles: () => (random() < 0.03 ? random() * dawdleMsMax : 0),
    visibleAfterMs: 20_000,
  })
  await house.drop('text/storm.txt', linesOf(partitions))
  await house.drop('array/storm.json', arrayOf(3))
  await house.untilQuiet()
  await house.children.letIdleGo()
  await house.untilEnded(reconcilesMax)
  await house.children.letIdleGo()
  await house.untilQuiet()
  const runs = [...(await runsOf(house, 'text')), ...(await runsOf(house, 'array'))]
  const states = runs.map(({ state }) => state)
  assert.deepEqual(states, [RunState.SUCCEEDED, RunState.SUCCEEDED])
  // Slack takes no token for "the same again", so one who fails, or outstays its lease, may leave words said twice.
  await assertWell(house, 2 + hits.filter(({ by }) => by === 'notify').length)
}

describe('a storm', () => {
  test(`of ${storms} seeds ends every run, and breaks no promise`, async () => {
    const faults: unknown[] = []
    for (let seed = 1; seed <= storms; seed++) {
      await storm(seed).catch(cause => faults.push(new Error(`seed ${seed}`, { cause })))
    }
    assert.deepEqual(faults, [])
  })
})
