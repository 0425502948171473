import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { openQueueDb } from '../../local/events/queue-db.ts'
import { type Message, Queues } from '../../local/events/queues.ts'
import { systemClock } from '../../shared/clock.ts'
import { tempDir } from './temp-dir.ts'

const linesBeforeKill = 60

function start(t: TestContext, fixture: string, dir: string): ChildProcess {
  const file = path.join(import.meta.dirname, 'fixtures', fixture)
  const child = spawn(process.execPath, [file, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  return child
}

/** Reads what the child says it has done, kills it in the middle of more, and answers every line it got out. */
async function killedInTheMiddle(child: ChildProcess): Promise<string[]> {
  const said: string[] = []
  const ended = once(child, 'close')
  const { stdout } = child
  assert.ok(stdout)
  for await (const line of createInterface({ input: stdout })) {
    said.push(line)
    if (said.length === linesBeforeKill) child.kill('SIGKILL')
  }
  const [, signal] = (await ended) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL')
  return said
}

function reopen(t: TestContext, dir: string): Queues {
  const db = openQueueDb(path.join(dir, 'queues.db'))
  t.after(() => db.close())
  return new Queues(db, systemClock)
}

function drain(queues: Queues, queue: string): Message[] {
  return queues.receive(queue, 10_000, 60_000)
}

test('every event that was accepted before a kill -9 is in all of its targets, whole', async t => {
  const dir = tempDir(t)
  const accepted = await killedInTheMiddle(start(t, 'sends-until-killed.ts', dir))
  const queues = reopen(t, dir)
  const numbers = (queue: string): number[] =>
    drain(queues, queue).map(
      message => (JSON.parse(message.body) as { detail: { number: number } }).detail.number,
    )
  const [left, right] = [numbers('left'), numbers('right')]
  assert.deepEqual(left, right, 'an event is in both targets or in none')
  assert.deepEqual(
    left,
    Array.from(left, (_, number) => number),
    'in order, none twice',
  )
  assert.ok(left.length >= accepted.length, `${accepted.length} accepted, ${left.length} there`)
})

test('what a receiver held or had not yet received when it was killed is delivered again, and nothing it finished', async t => {
  const dir = tempDir(t)
  const before = reopen(t, dir)
  const sent = Array.from({ length: 5000 }, (_, number) => String(number))
  before.send(sent.map(body => ({ queue: 'q', body })))
  const finished = new Set(await killedInTheMiddle(start(t, 'receives-until-killed.ts', dir)))
  const queues = reopen(t, dir)
  queues.recover()
  const again = drain(queues, 'q')
  const left = again.map(message => message.body)
  assert.deepEqual(
    left.filter(body => finished.has(body)),
    [],
    'what it removed and said so stays removed',
  )
  // The last removal may have been on disk before the kill and its line not yet out.
  const unaccounted = sent.filter(body => !finished.has(body) && !left.includes(body))
  assert.ok(unaccounted.length <= 1, `lost: ${unaccounted.join(', ')}`)
  assert.ok(
    again.some(message => message.receives === 2),
    'something was in flight',
  )
})
