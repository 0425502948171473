import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, type LocalBatch, openLocalBatch, ready, retrySpot } from './local-batch.ts'

const fault = (batch: LocalBatch, jobId: string, attempt = 1): string | undefined =>
  (JSON.parse(batch.logOf(jobId, attempt)) as { environment: Record<string, string> }).environment.FAULT

test('an interference adds to the environment of the next attempt of one child only', async () => {
  await using batch = await openLocalBatch()
  await batch.server.interfere({ jobNamePattern: 'flights_*', index: 1, environment: { FAULT: 'slow-down' } })
  const run = async (jobName: string) => {
    const jobId = await batch.submit(fixture('prints-environment.mjs'), {
      jobName,
      arrayProperties: { size: 3 },
    })
    await batch.reaches(jobId, JobStatus.SUCCEEDED)
    return [0, 1, 2].map(index => fault(batch, `${jobId}:${index}`))
  }
  assert.deepEqual(await run('other_r01'), [undefined, undefined, undefined])
  assert.deepEqual(await run('flights_r01'), [undefined, 'slow-down', undefined])
  assert.deepEqual(await run('flights_r02'), [undefined, undefined, undefined])
})

test('an interference that is not for once stays', async () => {
  await using batch = await openLocalBatch()
  await batch.server.interfere({ jobNamePattern: 'test', environment: { FAULT: 'always' }, once: false })
  for (let count = 0; count < 2; count++) {
    const jobId = await batch.submit(fixture('prints-environment.mjs'))
    await batch.reaches(jobId, JobStatus.SUCCEEDED)
    assert.equal(fault(batch, jobId), 'always')
  }
})

test('an interference with a job id meets that job', async () => {
  await using batch = await openLocalBatch({ cores: 1 })
  const holder = await batch.submit(fixture('exits-on-sigterm.mjs'))
  await ready(batch, holder)
  const meant = await batch.submit(fixture('prints-environment.mjs'))
  const other = await batch.submit(fixture('prints-environment.mjs'))
  await batch.server.interfere({ jobId: meant, index: 0, environment: { FAULT: 'meant' } })
  await batch.terminate(holder, 'make room')
  await batch.reaches(other, JobStatus.SUCCEEDED)
  assert.deepEqual([fault(batch, meant), fault(batch, other)], ['meant', undefined])
})

test('a child can be reclaimed once, when it has started', async () => {
  await using batch = await openLocalBatch()
  await batch.server.interfere({ jobNamePattern: 'test', index: 1, reclaimWhenStarted: true })
  const parent = await batch.submit(fixture('succeed.mjs'), {
    arrayProperties: { size: 3 },
    retryStrategy: retrySpot,
  })
  await batch.reaches(parent, JobStatus.SUCCEEDED)
  const children = await Promise.all([0, 1, 2].map(index => batch.describe(`${parent}:${index}`)))
  assert.deepEqual(
    children.map(({ attempts }) => attempts?.length),
    [1, 2, 1],
  )
  assert.match(children[1]?.attempts?.[0]?.statusReason ?? '', /^Host EC2/)
})

test('a child can be reclaimed some time after it has started', async () => {
  await using batch = await openLocalBatch()
  await batch.server.interfere({ jobNamePattern: 'test', reclaimAfterMs: 5_000 })
  const jobId = await batch.submit(fixture('forever.mjs'))
  await ready(batch, jobId)
  await batch.clock.advance(4_999)
  assert.equal((await batch.describe(jobId)).status, JobStatus.RUNNING)
  await batch.clock.advance(1)
  await batch.reaches(jobId, JobStatus.FAILED)
})

test('an interference outlives the server, and can be asked for over HTTP', async () => {
  await using batch = await openLocalBatch()
  const body = JSON.stringify({ jobNamePattern: '*', environment: { FAULT: 'kept' } })
  const response = await fetch(`${batch.server.url}/local/interfere`, { method: 'POST', body })
  assert.equal(response.status, 200)
  await batch.stop()
  await using next = await openLocalBatch({ dir: batch.dir })
  const jobId = await next.submit(fixture('prints-environment.mjs'))
  await next.reaches(jobId, JobStatus.SUCCEEDED)
  assert.equal(fault(next, jobId), 'kept')
})

test('an interference with nothing in particular is refused', async () => {
  await using batch = await openLocalBatch()
  await assert.rejects(
    batch.server.interfere({ environment: { FAULT: 'x' } }),
    /jobId or jobNamePattern is needed/,
  )
})
