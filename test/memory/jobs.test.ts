import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isError } from '../../shared/errors.ts'
import { parseJobEnd } from '../../shared/events.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import type { BatchStateChange } from '../../shared/memory/job-events.ts'
import { createMemoryJobs, type MemoryJobsOptions } from '../../shared/memory/jobs.ts'
import type { JobRequest } from '../../shared/ports.ts'
import { JobStatus } from '../../shared/vocabulary.ts'

const request: JobRequest = {
  name: 'flights_0123456789abcdef01234567_r01_c00',
  size: 2,
  queue: 'spot',
  definition: 'worker',
  environment: { MILLRACE_RUN_ID: 'r' },
  vcpus: 1,
  memoryMiB: 512,
  timeoutSeconds: 60,
}

async function submitted(size: number, options: Partial<MemoryJobsOptions> = {}) {
  const events: BatchStateChange[] = []
  const clock = createMemoryClock(1_750_000_000_000)
  const jobs = createMemoryJobs({ clock, onStateChange: event => events.push(event), ...options })
  const { jobId } = await jobs.submit({ ...request, size })
  const said = (): [string, JobStatus][] => events.map(({ detail }) => [detail.jobId, detail.status])
  return { jobs, jobId, clock, events, said }
}

describe('Batch in memory', () => {
  it('tells of every child, and of the parent last, when all of them have ended', async () => {
    const { jobs, jobId, events, said } = await submitted(2)
    const [one, two] = [`${jobId}:0`, `${jobId}:1`]
    events.length = 0
    jobs.start(two)
    jobs.end(two, { status: JobStatus.FAILED, exitCode: 65, reason: 'bad' })
    jobs.end(one, { status: JobStatus.SUCCEEDED, exitCode: 0 })
    assert.deepEqual(said(), [
      [two, JobStatus.RUNNING],
      [two, JobStatus.FAILED],
      [one, JobStatus.RUNNING],
      [one, JobStatus.SUCCEEDED],
      [jobId, JobStatus.FAILED],
    ])
  })

  it('words an event of a child and of a parent as AWS does', async () => {
    const { jobs, jobId, events } = await submitted(2)
    jobs.end(`${jobId}:1`, { status: JobStatus.FAILED, exitCode: 65, reason: 'bad' })
    jobs.end(`${jobId}:0`, { status: JobStatus.SUCCEEDED, exitCode: 0 })
    const child = events.find(({ detail }) => detail.status === JobStatus.FAILED)
    assert.equal(child?.source, 'aws.batch')
    assert.deepEqual(child.detail.arrayProperties, { index: 1 })
    assert.deepEqual(child.resources, [`arn:aws:batch:us-east-1:000000000000:job/${jobId}:1`])
    assert.equal(child.detail.jobQueue, 'arn:aws:batch:us-east-1:000000000000:job-queue/spot')
    const container = child.detail.container as Record<string, unknown>
    assert.deepEqual([container.exitCode, container.reason], [65, 'bad'])
    const parent = events.at(-1)
    assert.equal(parent?.detail.statusReason, 'Array Child Job failed')
    const { size, statusSummary } = parent.detail.arrayProperties as { size: number; statusSummary: object }
    assert.equal(size, 2)
    assert.deepEqual(
      Object.values(statusSummary).filter(count => count > 0),
      [1, 1],
    )
    const ends = events.flatMap(event => parseJobEnd(event) ?? [])
    assert.deepEqual(
      ends.map(({ index, isParent }) => [index, isParent]),
      [
        [1, false],
        [0, false],
        [undefined, true],
      ],
    )
  })

  it('gives an event of a plain job no array, and a time and an id of its own', async () => {
    const { jobs, jobId, events } = await submitted(1)
    jobs.end(jobId, { status: JobStatus.SUCCEEDED, exitCode: 0 })
    for (const event of events) assert.ok(!('arrayProperties' in event.detail))
    assert.equal(new Set(events.map(({ id }) => id)).size, events.length)
    assert.equal(events[0]?.time, '2025-06-15T15:06:40.000Z')
  })

  it('takes a child away with its machine and runs it again, until its attempts are used up', async () => {
    const { jobs, jobId, said } = await submitted(2, { attemptsMax: 2 })
    const child = `${jobId}:0`
    assert.equal(jobs.reclaim(child), false, 'nothing runs yet')
    jobs.start(child)
    assert.equal(jobs.reclaim(child), true)
    assert.deepEqual(
      [jobs.children(jobId)[0]?.status, jobs.children(jobId)[0]?.attempt],
      [JobStatus.RUNNABLE, 2],
    )
    jobs.start(child)
    jobs.reclaim(child, 'i-1')
    const { failed } = await jobs.failures(jobId)
    assert.deepEqual(failed, [
      { index: 0, jobId: child, statusReason: 'Host EC2 (instance i-1) terminated.' },
    ])
    assert.equal(said().filter(([id, status]) => id === child && status === JobStatus.FAILED).length, 1)
  })

  it('cannot end a child twice, or start one that runs or has ended', async () => {
    const { jobs, jobId } = await submitted(2)
    const child = `${jobId}:1`
    assert.deepEqual([jobs.start(child), jobs.start(child)], [true, false])
    assert.equal(jobs.end(child, { status: JobStatus.SUCCEEDED, exitCode: 0 }), true)
    assert.equal(jobs.end(child, { status: JobStatus.FAILED, exitCode: 1 }), false)
    assert.equal(jobs.start(child), false)
    assert.equal(jobs.children(jobId)[1]?.status, JobStatus.SUCCEEDED)
  })

  it('cannot start or end a parent: it has no container', async () => {
    const { jobs, jobId } = await submitted(2)
    assert.throws(
      () => jobs.start(jobId),
      error => isError(error, 'NOT_FOUND'),
    )
    assert.throws(
      () => jobs.end(jobId, { status: JobStatus.SUCCEEDED }),
      error => isError(error, 'NOT_FOUND'),
    )
  })

  it('knows no exit code of a task that failed to start', async () => {
    const { jobs, jobId, said } = await submitted(1)
    jobs.end(jobId, { status: JobStatus.FAILED, statusReason: 'Task failed to start' })
    assert.deepEqual(await jobs.failures(jobId), {
      failed: [{ index: 0, jobId, statusReason: 'Task failed to start' }],
    })
    assert.ok(!said().some(([, status]) => status === JobStatus.RUNNING))
  })

  it('forgets a job whole', async () => {
    const { jobs, jobId } = await submitted(2)
    jobs.forget(jobId)
    assert.deepEqual(await jobs.describe([jobId, `${jobId}:0`]), [])
    assert.deepEqual(await jobs.find(request.name, 'spot'), [])
    assert.deepEqual(await jobs.failures(jobId), { failed: [] })
    await jobs.terminate(jobId, 'Terminated by Millrace: nothing to end')
  })

  it('shows a new job late where it is told to, and runs it all the same', async () => {
    const { jobs, jobId, clock } = await submitted(1, { visibleAfterMs: 1000 })
    assert.deepEqual(await jobs.find(request.name, 'spot'), [])
    assert.deepEqual(await jobs.describe([jobId]), [])
    assert.equal(jobs.start(jobId), true)
    await clock.advance(1000)
    assert.equal((await jobs.find(request.name, 'spot')).length, 1)
  })

  it('names jobs alike in every run of one simulation', async () => {
    assert.equal((await submitted(2)).jobId, (await submitted(2)).jobId)
  })
})
