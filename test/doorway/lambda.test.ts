/** A doorway as Lambda runs it: bundled, in a process of its own, with Lambda's environment. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { eventDoor } from '../../functions/doorway/doors.ts'
import { batch, dynamodb, eventBridge, eventBridgeAndScheduler, s3 } from '../../functions/doorway/reach.ts'
import { submit } from '../../functions/submit.ts'
import { bundleFunctions } from '../../infra/bundle.ts'
import { asEnvironment, localConfig } from '../../shared/config.ts'
import { type Loopback, startLoopback } from '../aws/loopback.ts'
import { type Daemon, startDaemon } from './daemon.ts'

const repository = path.resolve(import.meta.dirname, '../..')
const root = '1-5759e988-bd862e3fe1be46a994272793'
const parent = '53995c3f42cd8ad8'
const detail = { runId: 'logs_1', pipeline: 'logs', round: 2 }

const probe = `
import { eventDoor } from ${JSON.stringify(path.join(repository, 'functions/doorway/doors.ts'))}
import { eventBridge } from ${JSON.stringify(path.join(repository, 'functions/doorway/reach.ts'))}
const step = async (world, { detail }) => {
  if (detail.round === 3) throw new Error('as asked')
  world.log.info('given', { names: Object.keys(world).toSorted() })
  await world.bus.publish({ type: 'Round Ended', detail })
}
export const handler = eventDoor('settle', step, { bus: eventBridge })
`

type Line = Record<string, unknown>

describe('a function in Lambda', () => {
  let scratch = ''
  let aws: Loopback
  let daemon: Daemon
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'millrace-lambda-'))
    const functionsDir = path.join(scratch, 'functions')
    await mkdir(functionsDir)
    await writeFile(path.join(functionsDir, 'probe.ts'), probe)
    const pipelinesDir = path.join(repository, 'test/infra/fixtures/pipelines')
    await bundleFunctions({ functionsDir, pipelinesDir, outDir: path.join(scratch, 'dist') })
    aws = await startLoopback()
    aws.answerWith({ body: { FailedEntryCount: 0, Entries: [{ EventId: 'e' }] } })
    daemon = await startDaemon()
  })
  after(async () => {
    await aws.stop()
    await daemon.stop()
    await rm(scratch, { recursive: true, force: true })
  })

  /** @returns the lines of its log; the last one says how the handler ended */
  async function invoked(event: unknown, environment: Record<string, string> = {}): Promise<Line[]> {
    const file = path.join(scratch, 'dist/probe.mjs')
    const code = `const { handler } = await import(${JSON.stringify(pathToFileURL(file).href)})
      const ended = await handler(${JSON.stringify(event)}, {}).then(() => 'well', error => error.message)
      console.log(JSON.stringify({ ended }))`
    const env = {
      ...asEnvironment({ ...localConfig('', ''), stage: 'dev' }),
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'nobody',
      AWS_SECRET_ACCESS_KEY: 'nothing',
      AWS_LAMBDA_FUNCTION_NAME: 'probe',
      AWS_ENDPOINT_URL: aws.url,
      AWS_XRAY_DAEMON_ADDRESS: daemon.address,
      _X_AMZN_TRACE_ID: `Root=${root};Parent=${parent};Sampled=1;Lineage=25:a87bd80c:0`,
      ...environment,
    }
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', code],
      {
        env,
      },
    )
    return (stderr + stdout)
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
  }

  it('has the ports that its doorway names and no others, and says the run and the trace on its lines', async () => {
    const [line, last] = await invoked({ detail })
    assert.deepEqual(last, { ended: 'well' })
    assert.deepEqual(line?.names, ['bus', 'clock', 'config', 'log', 'mark', 'measure', 'pipelines'])
    assert.deepEqual([line?.runId, line?.round, line?.xray_trace_id], [detail.runId, detail.round, root])
    await daemon.next()
  })

  it('goes on with the trace of its event, and hands it to whom it publishes', async () => {
    await invoked({ detail })
    const { trace_id, parent_id, name, annotations } = await daemon.next()
    assert.deepEqual([trace_id, parent_id, name], [root, parent, 'settle'])
    assert.deepEqual(annotations, detail)
    const { body } = aws.requests.at(-1) ?? assert.fail('nothing was published')
    const [entry] = body.Entries as { TraceHeader: string }[]
    assert.equal(entry?.TraceHeader, `Root=${root};Parent=${parent};Sampled=1`)
  })

  it('that fails is a fault in its trace, a line in its log, and a failure for Lambda', async () => {
    const lines = await invoked({ detail: { ...detail, round: 3 } })
    const said = lines.find(({ message }) => message === 'settle failed')
    assert.deepEqual([said?.level, said?.runId], ['ERROR', detail.runId])
    assert.deepEqual(lines.at(-1), { ended: 'as asked' })
    assert.equal((await daemon.next()).fault, true)
  })

  it('that is not configured says so with each event, and does not fail while it is loaded', async () => {
    const [last] = await invoked({ detail }, { MILLRACE_TABLE: '' })
    assert.match(String(last?.ended), /Not set in the environment: MILLRACE_TABLE/)
  })
})

describe('a doorway', () => {
  it('cannot leave out what its steps need: that is an error of types', () => {
    const all = { objects: s3, records: dynamodb, jobs: batch, bus: eventBridgeAndScheduler }
    eventDoor('submit', submit, all)
    const { jobs: _, ...jobless } = all
    // @ts-expect-error: it asks Batch.
    eventDoor('submit', submit, jobless)
    // @ts-expect-error: a round that is not due yet needs Scheduler.
    eventDoor('submit', submit, { ...all, bus: eventBridge })
  })
})
