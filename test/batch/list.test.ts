import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type JobSummary, ListJobsCommand, type ListJobsCommandInput } from '@aws-sdk/client-batch'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, type LocalBatch, openLocalBatch, ready, startMs } from './local-batch.ts'

async function list(batch: LocalBatch, input: ListJobsCommandInput): Promise<JobSummary[]> {
  const { jobSummaryList } = await batch.client.send(new ListJobsCommand(input))
  return jobSummaryList ?? []
}
const idsOf = (jobs: JobSummary[]): (string | undefined)[] => jobs.map(({ jobId }) => jobId)
const named = (...values: string[]) => ({ jobQueue: 'spot', filters: [{ name: 'JOB_NAME', values }] })

test('without a status only what is RUNNING is listed', async () => {
  await using batch = await openLocalBatch({ cores: 1 })
  const running = await batch.submit(fixture('exits-on-sigterm.mjs'))
  const waiting = await batch.submit(fixture('succeed.mjs'))
  await ready(batch, running)
  assert.deepEqual(idsOf(await list(batch, { jobQueue: 'spot' })), [running])
  assert.deepEqual(idsOf(await list(batch, { jobQueue: 'spot', jobStatus: JobStatus.RUNNABLE })), [waiting])
  assert.deepEqual(idsOf(await list(batch, { jobQueue: batch.queueArn, jobStatus: JobStatus.RUNNING })), [
    running,
  ])
})

test('of a queue parents and plain jobs are listed, of an array its children', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('fails-at-index.mjs', '1'), { arrayProperties: { size: 2 } })
  await batch.reaches(parent, JobStatus.FAILED)
  const [listed, ...none] = await list(batch, { jobQueue: 'spot', jobStatus: JobStatus.FAILED })
  assert.equal(listed?.jobId, parent)
  assert.equal(listed?.arrayProperties?.size, 2)
  assert.deepEqual(none, [])
  const [child, ...others] = await list(batch, { arrayJobId: parent, jobStatus: JobStatus.FAILED })
  assert.equal(child?.jobId, `${parent}:1`)
  assert.equal(child?.arrayProperties?.index, 1)
  assert.equal(child?.statusReason, 'Essential container in task exited')
  assert.equal(child?.container?.exitCode, 1)
  assert.deepEqual(others, [])
})

test('a filter by name finds every status, in any case, by its beginning, newest first', async () => {
  await using batch = await openLocalBatch({ memoryMiB: 32 })
  const first = await batch.submit(fixture('succeed.mjs'), { jobName: 'Flights_r01' })
  const second = await batch.submit(fixture('succeed.mjs'), { jobName: 'flights_r02' })
  await batch.submit(fixture('succeed.mjs'), { jobName: 'other' })
  await batch.terminate(first, 'enough')
  assert.deepEqual(idsOf(await list(batch, named('flights_R*'))), [second, first])
  assert.deepEqual(idsOf(await list(batch, named('FLIGHTS_R01'))), [first])
  assert.deepEqual(idsOf(await list(batch, named('flights'))), [])
  const ignoringStatus = { ...named('flights_r01'), jobStatus: JobStatus.RUNNING }
  assert.deepEqual(idsOf(await list(batch, ignoringStatus)), [first])
})

test('a filter does not apply to children', async () => {
  await using batch = await openLocalBatch({ memoryMiB: 32 })
  const parent = await batch.submit(fixture('succeed.mjs'), { arrayProperties: { size: 2 } })
  const filters = [{ name: 'JOB_NAME', values: ['nothing'] }]
  const children = await list(batch, { arrayJobId: parent, jobStatus: JobStatus.RUNNABLE, filters })
  assert.deepEqual(idsOf(children), [`${parent}:0`, `${parent}:1`])
})

test('filters by definition and by time of creation', async () => {
  await using batch = await openLocalBatch({ memoryMiB: 32 })
  const first = await batch.submit(fixture('succeed.mjs'))
  await batch.clock.advance(1_000)
  const second = await batch.submit(fixture('succeed.mjs'))
  const by = async (name: string, value: string) =>
    idsOf(await list(batch, { jobQueue: 'spot', filters: [{ name, values: [value] }] }))
  assert.deepEqual(await by('BEFORE_CREATED_AT', String(startMs + 500)), [first])
  assert.deepEqual(await by('AFTER_CREATED_AT', String(startMs + 500)), [second])
  const { jobDefinition = '' } = await batch.describe(first)
  for (const value of ['program', 'program:1', 'prog*', jobDefinition]) {
    assert.deepEqual(await by('JOB_DEFINITION', value), [second, first], value)
  }
  assert.deepEqual(await by('JOB_DEFINITION', 'program:2'), [])
  assert.deepEqual(await by('JOB_DEFINITION', 'prog'), [])
})

test('pages hold 100 jobs with a filter, and go on where they stopped', async () => {
  await using batch = await openLocalBatch({ memoryMiB: 32 })
  const submitted: string[] = []
  for (let count = 0; count < 101; count++) submitted.push(await batch.submit(fixture('succeed.mjs')))
  const first = await batch.client.send(new ListJobsCommand(named('test')))
  assert.equal(first.jobSummaryList?.length, 100)
  const second = await batch.client.send(
    new ListJobsCommand({ ...named('test'), nextToken: first.nextToken }),
  )
  assert.equal(second.nextToken, undefined)
  const listed = [...(first.jobSummaryList ?? []), ...(second.jobSummaryList ?? [])]
  assert.deepEqual(idsOf(listed), submitted.toReversed())
  const few = await batch.client.send(new ListJobsCommand({ ...named('test'), maxResults: 3 }))
  assert.equal(few.jobSummaryList?.length, 3)
})

test('what is listed must be one queue or one array, with one filter of a known name', async () => {
  await using batch = await openLocalBatch()
  await assert.rejects(list(batch, {}), /Exactly one of/)
  await assert.rejects(list(batch, { jobQueue: 'spot', arrayJobId: 'x' }), /Exactly one of/)
  await assert.rejects(list(batch, { jobQueue: 'nowhere' }), /JobQueue nowhere not found\./)
  const filters = [{ name: 'COLOUR', values: ['red'] }]
  await assert.rejects(list(batch, { jobQueue: 'spot', filters }), /COLOUR is not valid/)
  await assert.rejects(list(batch, { ...named('a'), nextToken: 'x' }), /nextToken is not valid/)
})
