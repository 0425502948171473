import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, openLocalBatch, ready, retrySpot } from './local-batch.ts'

const hostLost = /^Host EC2 \(instance i-[0-9a-f]{17}\) terminated\.$/

test('a reclaimed child ends as its host does, without exit code, and is run again by the Spot recipe', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('forever.mjs'), {
    arrayProperties: { size: 2 },
    retryStrategy: retrySpot,
  })
  const child = `${parent}:1`
  await ready(batch, child)
  assert.equal(await batch.server.reclaim(child), true)
  await ready(batch, child, 'ready', 2)
  const { attempts, status, container } = await batch.describe(child)
  assert.equal(status, JobStatus.RUNNING)
  assert.equal(attempts?.length, 1)
  assert.match(attempts?.[0]?.statusReason ?? '', hostLost)
  assert.equal(attempts?.[0]?.container?.exitCode, undefined)
  assert.equal(attempts?.[0]?.container?.reason, undefined)
  assert.equal(container?.logStreamName, `${parent}_1/2.log`)
  assert.notEqual(container?.containerInstanceArn, attempts?.[0]?.container?.containerInstanceArn)
})

test('a reclaimed job without attempts left is FAILED with its host’s words', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('forever.mjs'))
  await ready(batch, jobId)
  await batch.server.reclaim(jobId)
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.match(detail.statusReason ?? '', hostLost)
  assert.equal(detail.container?.exitCode, undefined)
})

test('a reclaim with notice ends with the shutdown of the host: SIGTERM, and SIGKILL soon after', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('forever.mjs'))
  await ready(batch, jobId)
  await batch.server.reclaim(jobId, { noticeMs: 120_000 })
  await batch.clock.advance(119_999)
  assert.doesNotMatch(batch.logOf(jobId), /heard SIGTERM/)
  await batch.clock.advance(1)
  await ready(batch, jobId, 'heard SIGTERM')
  await batch.clock.advance(9_999)
  assert.equal((await batch.describe(jobId)).status, JobStatus.RUNNING)
  await batch.clock.advance(1)
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.match(detail.statusReason ?? '', hostLost)
})

test('what ends within the notice has ended as it says', async () => {
  await using batch = await openLocalBatch()
  for (const [exitCode, status] of [
    [0, JobStatus.SUCCEEDED],
    [3, JobStatus.FAILED],
  ] as const) {
    const jobId = await batch.submit(fixture('exits-on-notice.mjs', String(exitCode)))
    await ready(batch, jobId)
    await batch.server.reclaim(jobId, { noticeMs: 120_000 })
    const { detail } = await batch.reaches(jobId, status)
    assert.deepEqual(
      [detail.statusReason, detail.container?.exitCode],
      ['Essential container in task exited', exitCode],
    )
    assert.match(batch.logOf(jobId), /"action":"terminate","time":"2027-01-15T08:02:00.000Z"/)
  }
})

test('what the process says as the host shuts down does not count', async () => {
  await using batch = await openLocalBatch()
  for (const exitCode of ['0', '143']) {
    const jobId = await batch.submit(fixture('exits-on-sigterm.mjs', exitCode))
    await ready(batch, jobId)
    await batch.server.reclaim(jobId, { noticeMs: 120_000 })
    await batch.clock.advance(120_000)
    const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
    assert.match(detail.statusReason ?? '', hostLost)
    assert.equal(detail.container?.exitCode, undefined)
  }
})

test('an instance tells its own attempt alone of its end, and only who shows a token', async () => {
  await using batch = await openLocalBatch()
  const [going, staying] = [
    await batch.submit(fixture('forever.mjs')),
    await batch.submit(fixture('forever.mjs')),
  ]
  for (const jobId of [going, staying]) await ready(batch, jobId)
  const ask = (jobId: string, path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${batch.server.url}/instance/${jobId}/1/latest/${path}`, { method, headers })
  const action = async (jobId: string) => {
    const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' }
    const token = await (await ask(jobId, 'api/token', ttl, 'PUT')).text()
    return (await ask(jobId, 'meta-data/spot/instance-action', { 'x-aws-ec2-metadata-token': token })).status
  }
  assert.deepEqual([await action(going), await action(staying)], [404, 404])
  await batch.server.reclaim(going, { noticeMs: 120_000 })
  assert.deepEqual([await action(going), await action(staying)], [200, 404])
  assert.equal((await ask(going, 'meta-data/spot/instance-action')).status, 401)
  assert.equal((await ask(going, 'api/token', {}, 'PUT')).status, 400)
})

test('a terminated job is not run again when its host is reclaimed as well', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('forever.mjs'), { retryStrategy: retrySpot })
  await ready(batch, jobId)
  await batch.terminate(jobId, 'enough')
  await batch.server.reclaim(jobId)
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'enough')
  assert.equal(detail.attempts?.length, 1)
})

test('what has no process cannot be reclaimed', async () => {
  await using batch = await openLocalBatch({ memoryMiB: 32 })
  const waiting = await batch.submit(fixture('succeed.mjs'), { arrayProperties: { size: 2 } })
  assert.equal(await batch.server.reclaim(waiting), false)
  assert.equal(await batch.server.reclaim(`${waiting}:0`), false)
  assert.equal(await batch.server.reclaim('never'), false)
})

test('another process can see what runs and reclaim it over HTTP', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('forever.mjs'))
  await ready(batch, jobId)
  const post = async (path: string, body: object) => {
    const response = await fetch(`${batch.server.url}${path}`, { method: 'POST', body: JSON.stringify(body) })
    return (await response.json()) as { reclaimed?: boolean; attempts?: { jobId: string; attempt: number }[] }
  }
  const { attempts } = await post('/local/running', {})
  assert.deepEqual(
    attempts?.map(running => [running.jobId, running.attempt]),
    [[jobId, 1]],
  )
  assert.deepEqual(await post('/local/reclaim', { jobId }), { reclaimed: true })
  await batch.reaches(jobId, JobStatus.FAILED)
})
