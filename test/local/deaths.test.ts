import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { deathFrom, type Moment, mortalFrom, watched } from '../../local/deaths.ts'
import { startHeartbeat } from '../../local/events/heartbeat.ts'
import { Invoker } from '../../local/lambda/invoke.ts'
import { silentLog } from '../../shared/log.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import { createMemoryRecords } from '../../shared/memory/records.ts'
import { type World, worldKey } from '../../shared/world.ts'

const key = { pk: 'A', sk: 'B' }
const count = { add: { count: 1 } }
const certain = '.999999999 1'
const never = '.000000001 1'

function invoker(asked: string, handler: (world: World) => Promise<unknown>) {
  const clock = createMemoryClock(0)
  const records = createMemoryRecords()
  const lambda = { name: 'work', timeoutMs: 30_000, memoryMiB: 512, queues: [], retriesMax: 2 }
  const given = new Invoker(lambda, {
    world: { records } as unknown as World,
    clock,
    heartbeat: startHeartbeat(clock, 200, silentLog),
    loadHandler: async () => async (_event, context) =>
      handler((context as Record<symbol, World>)[worldKey] as World),
    mortal: mortalFrom(asked),
  })
  return { records, invoke: () => given.invoke({}) }
}

test('an invocation that dies fails as one, and nothing of it runs on, not even what would clean up', async () => {
  const ran: string[] = []
  const { records, invoke } = invoker(certain, async ({ records: own }) => {
    ran.push('begun')
    try {
      await own.update(key, count)
      ran.push('updated')
    } finally {
      ran.push('cleaned up')
    }
  })
  await assert.rejects(invoke(), /died before records[.]update, as asked/)
  await turn()
  assert.deepEqual(ran, ['begun'])
  assert.equal(await records.get(key), undefined)
})

test('an invocation that chance spares does all of its work', async () => {
  const { records, invoke } = invoker(never, async ({ records: own }) => own.update(key, count))
  assert.ok(await invoke())
  assert.equal((await records.get(key))?.count, 1)
})

test('a port is watched on either side of each of its calls, counted by name', async () => {
  const moments: Moment[] = []
  const { records } = watched({ records: createMemoryRecords() }, moment => moments.push(moment))
  await records.update(key, count)
  await records.get(key)
  await records.update(key, count)
  assert.deepEqual(
    moments.map(({ when, call, nth }) => `${when} ${call} ${nth}`),
    [
      'before records.update 1',
      'after records.update 1',
      'before records.get 1',
      'after records.get 1',
      'before records.update 2',
      'after records.update 2',
    ],
  )
})

test('words that ask for no death are no death', () => {
  assert.deepEqual(deathFrom('die after objects.write 2'), { when: 'after', call: 'objects.write', nth: 2 })
  for (const words of [undefined, '', 'slow-down', 'die objects.write 2', 'die after objects.write']) {
    assert.equal(deathFrom(words), undefined)
  }
  for (const words of [undefined, '', '0 1', '1 1', '.5']) assert.equal(mortalFrom(words), undefined)
})
