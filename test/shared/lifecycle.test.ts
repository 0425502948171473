import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  after,
  allows,
  can,
  isOpen,
  openRunStates,
  type PartitionHappening,
  partitionTable,
  type RunHappening,
  roundTable,
  runTable,
  statesFor,
} from '../../shared/lifecycle.ts'
import { holds } from '../../shared/table-rules.ts'
import { PartitionState, RoundState, RunState } from '../../shared/vocabulary.ts'

const machines = { runTable, roundTable, partitionTable }

describe('every state table', () => {
  for (const [name, table] of Object.entries(machines)) {
    test(`has a decided cell for every happening in every state: ${name}`, () => {
      const rows = Object.values(table) as Record<string, string | undefined>[]
      const happenings = Object.keys(rows[0] ?? {})
      for (const row of rows) assert.deepEqual(Object.keys(row).toSorted(), happenings.toSorted())
      const targets = rows.flatMap(row => Object.values(row)).filter(to => to !== undefined)
      for (const to of targets) assert.ok(to in table, to)
    })
  }

  test('cannot lack a cell: that is a type error', () => {
    // @ts-expect-error a row without its happenings
    const lacking: Record<RunState, Record<RunHappening, RunState | undefined>> = { ...runTable, PLANNED: {} }
    assert.equal(lacking.PLANNED.submitted, undefined)
  })
})

describe('a run', () => {
  test('that SUCCEEDED or was REFUSED stays so, whatever happens', () => {
    for (const state of [RunState.SUCCEEDED, RunState.REFUSED]) {
      assert.deepEqual(
        Object.values(runTable[state]).filter(to => to !== undefined),
        [],
      )
    }
  })

  test('is open until it SUCCEEDED, FAILED, was REFUSED or CANCELLED', () => {
    assert.deepEqual([...openRunStates].toSorted(), [RunState.PLANNED, RunState.RUNNING, RunState.WAITING])
    assert.ok(!isOpen(RunState.CANCELLED))
  })

  test('can reach an end from every open state', () => {
    for (const state of openRunStates) {
      assert.equal(after<RunState, RunHappening>(runTable, state, 'gaveUp'), RunState.FAILED)
    }
  })

  test('can be refused only at planning, where it begins as that, and while it is RUNNING', () => {
    assert.deepEqual(statesFor(runTable, 'refused'), [RunState.RUNNING])
    assert.match(String(can.retry(RunState.REFUSED)), /only a run that is failed or cancelled/)
  })

  test('can be published only while it is RUNNING', () => {
    assert.deepEqual(statesFor<RunState, RunHappening>(runTable, 'published'), [RunState.RUNNING])
  })

  test('can be retried once it FAILED or was CANCELLED, and the reason is given where it cannot', () => {
    assert.equal(can.retry(RunState.FAILED), true)
    assert.equal(can.retry(RunState.CANCELLED), true)
    assert.match(String(can.retry(RunState.RUNNING)), /RUNNING.*failed or cancelled/)
  })

  test('can be cancelled while it is open, and not after', () => {
    for (const state of openRunStates) assert.equal(can.cancel(state), true)
    assert.match(String(can.cancel(RunState.SUCCEEDED)), /only a run that is open/)
  })
})

const item = (state: PartitionState) => ({ pk: 'p', sk: 's', state })

describe('a partition', () => {
  const guard = allows<PartitionState, PartitionHappening>(partitionTable, 'claimed')

  test('that SUCCEEDED cannot be claimed', () => {
    assert.ok(!holds(item(PartitionState.SUCCEEDED), guard))
    assert.ok(holds(item(PartitionState.FAILED), guard))
    assert.ok(holds(item(PartitionState.RUNNING), guard))
  })

  test('that SUCCEEDED is taken back by nothing but a wrong cut', () => {
    const moves = Object.entries(partitionTable[PartitionState.SUCCEEDED]).filter(
      ([, to]) => to !== undefined,
    )
    assert.deepEqual(moves, [['miscut', PartitionState.FAILED]])
  })
})

describe('a round', () => {
  test('that ENDED stays so', () => {
    assert.deepEqual(
      Object.values(roundTable[RoundState.ENDED]).filter(to => to !== undefined),
      [],
    )
  })

  test('whose submit died may be claimed again', () => {
    assert.equal(roundTable[RoundState.SUBMITTING].claimed, RoundState.SUBMITTING)
    assert.equal(roundTable[RoundState.RUNNING].claimed, undefined)
  })
})
