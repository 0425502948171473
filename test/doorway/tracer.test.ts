import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createTracer } from '../../functions/doorway/tracer.ts'
import { epochMs } from '../../shared/clock.ts'
import { MillraceError } from '../../shared/errors.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import { type Daemon, startDaemon } from './daemon.ts'

const root = '1-5759e988-bd862e3fe1be46a994272793'
const parent = '53995c3f42cd8ad8'
const sampled = `Root=${root};Parent=${parent};Sampled=1`
const now = epochMs('2026-01-31T12:00:00.000Z')
const startedAt = now / 1000

describe('a trace', () => {
  let daemon: Daemon
  before(async () => {
    daemon = await startDaemon()
  })
  after(() => daemon.stop())

  const tracerOf = (header: string, address = daemon.address) => {
    const clock = createMemoryClock(now)
    const env = { AWS_XRAY_DAEMON_ADDRESS: address, _X_AMZN_TRACE_ID: header }
    return { clock, env, tracer: createTracer({ env, clock }) }
  }

  it('can be found by the run, the pipeline and the round that the work was for', async () => {
    const { clock, tracer } = tracerOf(sampled)
    await tracer.trace('settle', async mark => {
      mark({ runId: 'logs_1' })
      await clock.advance(250)
      mark({ pipeline: 'logs', round: 2 })
    })
    const { id, ...document } = await daemon.next()
    assert.match(String(id), /^[0-9a-f]{16}$/)
    assert.deepEqual(document, {
      type: 'subsegment',
      name: 'settle',
      trace_id: root,
      parent_id: parent,
      start_time: startedAt,
      end_time: startedAt + 0.25,
      annotations: { runId: 'logs_1', pipeline: 'logs', round: 2 },
    })
  })

  it('shows work that failed as a fault, in its own words, and leaves the failure as it is', async () => {
    const { tracer } = tracerOf(sampled)
    const fault = new MillraceError('TEMPORARY_FAILURE', `S3 ${'x'.repeat(5000)}`)
    await assert.rejects(
      tracer.trace('track', async () => Promise.reject(fault)),
      error => error === fault,
    )
    const document = await daemon.next()
    const { exceptions } = document.cause as { exceptions: { type: string; message: string }[] }
    assert.deepEqual([document.fault, exceptions[0]?.type], [true, fault.name])
    assert.equal(exceptions[0]?.message, fault.message.slice(0, 1000))
  })

  it('is the one of each invocation', async () => {
    const { env, tracer } = tracerOf(sampled)
    await tracer.trace('submit', async () => {})
    env._X_AMZN_TRACE_ID = sampled.replace(parent, 'ffffffffffffffff')
    await tracer.trace('submit', async () => {})
    assert.equal((await daemon.next()).parent_id, parent)
    assert.equal((await daemon.next()).parent_id, 'ffffffffffffffff')
  })

  it('cannot mix up messages that are worked at the same time', async () => {
    const { tracer } = tracerOf(sampled)
    const one = (runId: string) =>
      tracer.trace('track', async mark => {
        await Promise.resolve()
        mark({ runId })
      })
    await Promise.all([one('logs_1'), one('logs_2')])
    const documents = [await daemon.next(), await daemon.next()]
    const runs = documents.map(({ annotations }) => (annotations as { runId: string }).runId)
    assert.deepEqual(runs.toSorted(), ['logs_1', 'logs_2'])
    assert.equal(new Set(documents.map(({ id }) => id)).size, 2)
  })

  it('is not written where X-Ray does not sample, or nothing is traced', async () => {
    let done = 0
    const unwanted = [
      tracerOf(sampled.replace('Sampled=1', 'Sampled=0')),
      tracerOf(''),
      tracerOf(sampled, ''),
      tracerOf(sampled, 'no address'),
    ]
    for (const { tracer } of unwanted) await tracer.trace('notify', async () => void done++)
    await tracerOf(sampled).tracer.trace('last', async () => {})
    assert.equal((await daemon.next()).name, 'last')
    assert.deepEqual([done, daemon.waiting()], [unwanted.length, 0])
  })

  it('cannot fail the work where nobody listens', async () => {
    const gone = await startDaemon()
    await gone.stop()
    const { tracer } = tracerOf(sampled, gone.address)
    for (let times = 0; times < 3; times++) await tracer.trace('notify', async () => {})
  })
})
