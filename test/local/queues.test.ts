import assert from 'node:assert/strict'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { openQueueDb, together } from '../../local/events/queue-db.ts'
import { type Message, Queues } from '../../local/events/queues.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import { tempDir } from './temp-dir.ts'

function openQueues(t: TestContext, dir = tempDir(t)) {
  const clock = createMemoryClock(1_000_000)
  const db = openQueueDb(path.join(dir, 'queues.db'))
  t.after(() => db.isOpen && db.close())
  return { clock, db, queues: new Queues(db, clock), dir }
}

const bodies = (messages: Message[]): string[] => messages.map(message => message.body)

test('messages are received in the order they were sent, up to the batch size', t => {
  const { queues } = openQueues(t)
  queues.send(['a', 'b', 'c'].map(body => ({ queue: 'q', body })))
  queues.send([{ queue: 'other', body: 'x' }])
  assert.deepEqual(bodies(queues.receive('q', 2, 1000)), ['a', 'b'])
  assert.deepEqual(bodies(queues.receive('q', 2, 1000)), ['c'])
  assert.deepEqual(bodies(queues.receive('q', 2, 1000)), [])
})

test('a received message is not seen again before its visibility time-out, and is after it', async t => {
  const { queues, clock } = openQueues(t)
  queues.send([{ queue: 'q', body: 'a' }])
  const [first] = queues.receive('q', 1, 1000)
  await clock.advance(999)
  assert.deepEqual(queues.receive('q', 1, 1000), [])
  await clock.advance(1)
  const [second] = queues.receive('q', 1, 1000)
  assert.equal(first?.receives, 1)
  assert.equal(second?.receives, 2)
  assert.equal(second.messageId, first.messageId)
  assert.equal(second.firstReceivedAt, first.firstReceivedAt)
})

test('a removed message never comes back; a receipt that was overtaken removes nothing', async t => {
  const { queues, clock } = openQueues(t)
  queues.send([{ queue: 'q', body: 'a' }])
  const [slow] = queues.receive('q', 1, 1000)
  await clock.advance(1000)
  const [quick] = queues.receive('q', 1, 1000)
  assert.equal(queues.remove([slow?.receipt ?? '']), 0)
  assert.equal(queues.remove([quick?.receipt ?? '']), 1)
  await clock.advance(10_000)
  assert.deepEqual(queues.receive('q', 1, 1000), [])
})

test('a delayed message cannot be received before its time', async t => {
  const { queues, clock } = openQueues(t)
  queues.send([{ queue: 'q', body: 'late', delayMs: 5000 }])
  assert.deepEqual(queues.depth('q'), { waiting: 0, delayed: 1, inFlight: 0 })
  await clock.advance(4999)
  assert.deepEqual(queues.receive('q', 1, 1000), [])
  await clock.advance(1)
  assert.deepEqual(bodies(queues.receive('q', 1, 1000)), ['late'])
})

test('changed visibility brings a message back sooner, or later', async t => {
  const { queues, clock } = openQueues(t)
  queues.send([{ queue: 'q', body: 'a' }])
  const [first] = queues.receive('q', 1, 60_000)
  queues.changeVisibility(first?.receipt ?? '', 0)
  const [second] = queues.receive('q', 1, 1000)
  queues.changeVisibility(second?.receipt ?? '', 5000)
  await clock.advance(4999)
  assert.deepEqual(queues.receive('q', 1, 1000), [])
  await clock.advance(1)
  assert.equal(queues.receive('q', 1, 1000).length, 1)
})

test('a message received too often goes to the dead letters, and one received less often does not', async t => {
  const { queues, clock } = openQueues(t)
  const redrive = { receivesMax: 2, deadLetterQueue: 'dead' }
  queues.send([{ queue: 'q', body: 'poison' }])
  for (const receives of [1, 2]) {
    assert.equal(queues.receive('q', 1, 1000, redrive)[0]?.receives, receives)
    assert.equal(queues.depth('dead').waiting, 0)
    await clock.advance(1000)
  }
  assert.deepEqual(queues.receive('q', 1, 1000, redrive), [])
  const [dead] = queues.peek('dead', 10)
  assert.equal(dead?.body, 'poison')
  assert.equal(dead?.deadLetterOf, 'q')
  assert.deepEqual(queues.depth('q'), { waiting: 0, delayed: 0, inFlight: 0 })
})

test('a send within a failed transaction leaves nothing behind', t => {
  const { queues, db } = openQueues(t)
  assert.throws(() =>
    together(db, () => {
      queues.send([{ queue: 'q', body: 'a' }])
      throw new Error('no')
    }),
  )
  assert.equal(queues.waiting('q'), 0)
})

test('an exchange puts one message in the place of another, and only of one still held', async t => {
  const { queues, clock } = openQueues(t)
  queues.send([{ queue: 'q', body: 'a' }])
  const [held] = queues.receive('q', 1, 1000)
  queues.exchange(held?.receipt ?? '', { queue: 'dead', body: 'record' })
  queues.exchange(held?.receipt ?? '', { queue: 'dead', body: 'record' })
  await clock.advance(5000)
  assert.equal(queues.waiting('q'), 0)
  assert.deepEqual(bodies(queues.peek('dead', 10)), ['record'])
})

test('two processes receive no message twice, and lose none', t => {
  const { queues: one, dir } = openQueues(t)
  const { queues: two } = openQueues(t, dir)
  const sent = Array.from({ length: 100 }, (_, number) => String(number))
  one.send(sent.map(body => ({ queue: 'q', body })))
  const received: string[] = []
  for (let turn = 0; turn < 20; turn += 1) {
    received.push(...bodies((turn % 2 === 0 ? one : two).receive('q', 7, 1000)))
  }
  assert.deepEqual(received, sent)
})

test('what was in flight when the receiver died is visible at once after recover', t => {
  const { queues, dir, db } = openQueues(t)
  queues.send([
    { queue: 'q', body: 'in flight' },
    { queue: 'q', body: 'delayed', delayMs: 9000 },
  ])
  queues.receive('q', 1, 900_000)
  db.close()
  const { queues: next } = openQueues(t, dir)
  assert.equal(next.recover(), 1)
  const [again] = next.receive('q', 10, 1000)
  assert.equal(again?.body, 'in flight')
  assert.equal(again.receives, 2)
  assert.equal(next.depth('q').delayed, 1)
})
