/** Several settles of one round, a person between them, and what a settle that died has left: one decision stands. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cancelRun } from '../../functions/steps/stop.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { type PortCall, person } from '../../sim/port-calls.ts'
import { faultsOf } from '../../sim/proof.ts'
import { assertWell, runOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

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
