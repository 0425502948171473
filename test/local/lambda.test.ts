import assert from 'node:assert/strict'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { startHeartbeat } from '../../local/events/heartbeat.ts'
import { openQueueDb } from '../../local/events/queue-db.ts'
import { Queues } from '../../local/events/queues.ts'
import type { Handler } from '../../local/lambda/invoke.ts'
import { startLambda } from '../../local/lambda/runtime.ts'
import type { FunctionWiring, Wiring } from '../../local/serverless/wiring.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import { type World, worldKey } from '../../shared/world.ts'
import { tempDir } from './temp-dir.ts'

const silent = { info: () => {}, warn: () => {}, error: () => {} }
const world = { marker: 'this very world' } as unknown as World

const base: FunctionWiring = {
  name: 'work',
  timeoutMs: 30_000,
  memoryMiB: 512,
  queues: [],
  retriesMax: 2,
  failureQueue: 'dead',
}
const batched: FunctionWiring = {
  ...base,
  queues: [{ queue: 'q', batchSize: 10, windowMs: 0, reportsFailures: true }],
}
const redrive = { receivesMax: 3, deadLetterQueue: 'dead' }

function start(t: TestContext, functions: FunctionWiring[], handlers: Record<string, Handler>) {
  const clock = createMemoryClock(1_000_000)
  const file = path.join(tempDir(t), 'queues.db')
  const db = openQueueDb(file)
  const queues = new Queues(db, clock)
  const wiring: Wiring = {
    functions,
    queues: [{ name: 'q', visibilityMs: 60_000, delayMs: 0, redrive }],
    rules: [],
    schedules: [],
    jobQueues: [],
    jobDefinitions: [],
  }
  const heartbeat = startHeartbeat(clock, 200, silent)
  const loadHandler = async (name: string): Promise<Handler> => {
    const handler = handlers[name]
    if (handler === undefined) throw new Error(`no handler ${name}`)
    return handler
  }
  const lambda = startLambda({ wiring, queues, world, clock, log: silent, heartbeat, loadHandler })
  const stop = async (): Promise<void> => {
    await lambda.stop()
    heartbeat.stop()
  }
  t.after(async () => {
    await stop()
    db.close()
  })
  const send = (queue: string, ...bodies: unknown[]): void =>
    queues.send(bodies.map(body => ({ queue, body: JSON.stringify(body) })))
  return { clock, queues, file, send, stop }
}

const turnsMax = 1000

async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < turnsMax && !holds(); turns += 1) await turn()
  assert.ok(holds(), 'never came about')
}

interface Sqs {
  Records: {
    messageId: string
    body: string
    attributes: Record<string, string>
    eventSourceARN: string
    receiptHandle: string
  }[]
}

const bodiesOf = (event: unknown): unknown[] => (event as Sqs).Records.map(record => JSON.parse(record.body))

test('a batch reaches the handler as Lambda would hand it over, at once and without a beat of the clock', async t => {
  const calls: [unknown, Record<string | symbol, unknown>][] = []
  const { send, queues } = start(t, [batched], {
    work: async (event, context) => {
      calls.push([event, context as Record<string | symbol, unknown>])
    },
  })
  send('q', 1, 2, 3)
  await until(() => calls.length === 1 && queues.depth('q').inFlight === 0)
  const [[event, context] = []] = calls
  assert.deepEqual(bodiesOf(event), [1, 2, 3])
  const [record] = (event as Sqs).Records
  assert.equal(record?.eventSourceARN, 'arn:aws:sqs:us-east-1:000000000000:q')
  assert.equal(record.attributes.ApproximateReceiveCount, '1')
  assert.equal(record.attributes.SentTimestamp, '1000000')
  assert.equal(context?.[worldKey], world)
  assert.equal(context.functionName, 'millrace-local-work')
  assert.equal((context.getRemainingTimeInMillis as () => number)(), 30_000)
  assert.equal(typeof context.awsRequestId, 'string')
})

test('only the messages named as failed come again, and the others never do', async t => {
  const seen: unknown[][] = []
  const { clock, send, queues } = start(t, [batched], {
    work: async event => {
      seen.push(bodiesOf(event))
      const [, second] = (event as Sqs).Records
      return { batchItemFailures: second === undefined ? [] : [{ itemIdentifier: second.messageId }] }
    },
  })
  send('q', 'good', 'bad', 'fine')
  await until(() => seen.length === 1 && queues.waiting('q') === 0)
  await clock.advance(1400)
  await until(() => seen.length === 2)
  assert.deepEqual(seen, [['good', 'bad', 'fine'], ['bad']])
  await until(() => queues.depth('q').inFlight === 0)
})

test('a batch whose handler throws comes again whole, and ends among the dead letters', async t => {
  let calls = 0
  const { clock, send, queues } = start(t, [batched], {
    work: async () => {
      calls += 1
      throw new Error('no')
    },
  })
  send('q', 1, 2)
  for (let step = 0; step < 200 && queues.waiting('dead') < 2; step += 1) await clock.advance(200)
  assert.equal(queues.waiting('dead'), 2)
  assert.equal(calls, 3)
})

test('a result that names a message not of the batch fails the whole batch', async t => {
  const counts: string[][] = []
  const { clock, send } = start(t, [batched], {
    work: async event => {
      counts.push((event as Sqs).Records.map(record => record.attributes.ApproximateReceiveCount ?? ''))
      return counts.length === 1 ? { batchItemFailures: [{ itemIdentifier: 'nobody' }] } : undefined
    },
  })
  send('q', 1, 2)
  await until(() => counts.length === 1)
  await clock.advance(2000)
  await until(() => counts.length === 2)
  assert.deepEqual(counts, [
    ['1', '1'],
    ['2', '2'],
  ])
})

test('an event that comes directly is called again as often as it may be, then goes to the failure queue', async t => {
  let calls = 0
  const { clock, send, queues } = start(t, [base], {
    work: async () => {
      calls += 1
      throw new TypeError('no luck')
    },
  })
  send('lambda:work', { detail: { runId: 'r' } })
  for (let step = 0; step < 100 && queues.waiting('dead') === 0; step += 1) await clock.advance(200)
  assert.equal(calls, 3)
  const [dead] = queues.peek('dead', 10)
  const record = JSON.parse(dead?.body ?? '{}') as Record<string, Record<string, unknown>>
  assert.deepEqual(record.requestPayload, { detail: { runId: 'r' } })
  assert.deepEqual(record.responsePayload, { errorType: 'TypeError', errorMessage: 'no luck' })
  assert.equal(record.requestContext?.condition, 'RetriesExhausted')
  assert.deepEqual(queues.depth('lambda:work'), { waiting: 0, delayed: 0, inFlight: 0 })
})

test('an event that fails once and then succeeds is done, and no dead letter', async t => {
  let calls = 0
  const { clock, send, queues } = start(t, [base], {
    work: async () => {
      calls += 1
      if (calls === 1) throw new Error('once')
    },
  })
  send('lambda:work', {})
  await until(() => calls === 1 && queues.waiting('lambda:work') === 0)
  await clock.advance(1400)
  await until(() => calls === 2 && queues.depth('lambda:work').inFlight === 0)
  assert.equal(queues.waiting('dead'), 0)
})

test('a handler that takes longer than its time is given up, and the message comes again', async t => {
  let calls = 0
  const { clock, send } = start(t, [batched], {
    work: async () => {
      calls += 1
      if (calls === 1) await new Promise(() => {})
    },
  })
  send('q', 1)
  await until(() => calls === 1)
  await clock.advance(29_000)
  assert.equal(calls, 1)
  await clock.advance(4000)
  await until(() => calls === 2)
})

test('a function works one batch at a time, and functions work side by side', async t => {
  const gates = { one: Promise.withResolvers<void>(), two: Promise.withResolvers<void>() }
  const calls: string[] = []
  const { send } = start(
    t,
    [
      { ...base, name: 'one' },
      { ...base, name: 'two' },
    ],
    {
      one: async () => {
        calls.push('one')
        await gates.one.promise
      },
      two: async () => {
        calls.push('two')
        await gates.two.promise
      },
    },
  )
  send('lambda:one', 1, 2)
  send('lambda:two', 1)
  await until(() => calls.length === 2)
  assert.deepEqual(calls.toSorted(), ['one', 'two'])
  gates.one.resolve()
  await until(() => calls.length === 3)
  assert.equal(calls[2], 'one')
  gates.two.resolve()
})

test('what another process sends is seen at the next beat, and not before', async t => {
  let calls = 0
  const { clock, queues, file } = start(t, [base], {
    work: async () => {
      calls += 1
    },
  })
  const db = openQueueDb(file)
  t.after(() => db.close())
  new Queues(db, clock).send([{ queue: 'lambda:work', body: '{}' }])
  for (let turns = 0; turns < 20; turns += 1) await turn()
  assert.equal(calls, 0)
  await clock.advance(200)
  await until(() => calls === 1 && queues.depth('lambda:work').inFlight === 0)
})

test('a handler that cannot be loaded is tried again, and the event is not lost meanwhile', async t => {
  const handlers: Record<string, Handler> = {}
  let calls = 0
  const { clock, send } = start(t, [base], handlers)
  send('lambda:work', {})
  await clock.advance(400)
  handlers.work = async () => {
    calls += 1
  }
  await clock.advance(2000)
  await until(() => calls === 1)
})

test('stop waits for the handler in work, keeps its result, and takes nothing new', async t => {
  const gate = Promise.withResolvers<void>()
  let calls = 0
  let done = 0
  const { send, stop, queues } = start(t, [base], {
    work: async () => {
      calls += 1
      await gate.promise
      done += 1
    },
  })
  send('lambda:work', 1, 2)
  await until(() => calls === 1)
  const stopping = stop()
  gate.resolve()
  await stopping
  assert.equal(done, 1)
  assert.equal(calls, 1)
  assert.deepEqual(queues.depth('lambda:work'), { waiting: 1, delayed: 0, inFlight: 0 })
})
