/** What every Jobs must do, whoever runs the jobs. The job's environment says what its children do. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isError } from '../../shared/errors.ts'
import type { FailedChild, JobRequest, Jobs } from '../../shared/ports.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import { asEnvironment, type Work } from './work.ts'

export interface JobsUnderTest {
  jobs: Jobs
  queue: string
  /** Another queue that exists. */
  otherQueue: string
  /** Its children do what `exitCodeOf` (work.ts) reads in their environment. */
  definition: string
  /** Until the job, parent or child, is terminal. */
  ended(jobId: string): Promise<void>
  /** Until the child, or plain job, is RUNNING. */
  started(jobId: string): Promise<void>
  dispose(): Promise<void>
}

const failuresPagesMax = 10

const neverEnding: Work = { others: null }
const allSucceed: Work = { others: 0 }
const failing = (index: number, code: number): Work => ({ byIndex: { [index]: code }, others: 0 })

export function jobsContract(name: string, open: () => Promise<JobsUnderTest>): void {
  describe(`Jobs: ${name}`, () => {
    let world: JobsUnderTest
    let names = 0
    before(async () => {
      world = await open()
    })
    after(async () => {
      await world.dispose()
    })

    const newName = (): string => {
      names += 1
      return `contract_${names}`
    }
    const request = (size: number, work: Work = allSucceed, more: Partial<JobRequest> = {}): JobRequest => ({
      name: newName(),
      size,
      queue: world.queue,
      definition: world.definition,
      environment: asEnvironment(work),
      vcpus: 1,
      memoryMiB: 128,
      timeoutSeconds: 600,
      ...more,
    })
    const one = async (jobId: string) => {
      const [job] = await world.jobs.describe([jobId])
      assert.ok(job, `Batch does not know ${jobId}`)
      return job
    }
    const allFailures = async (jobId: string): Promise<FailedChild[][]> => {
      const pages: FailedChild[][] = []
      let from: string | undefined
      for (let page = 0; page < failuresPagesMax; page++) {
        const { failed, next } = await world.jobs.failures(jobId, from)
        pages.push(failed)
        if (next === undefined) return pages
        from = next
      }
      return assert.fail('pages without end')
    }

    it('runs a job of size 1 as a plain job, which has succeeded without failures', async () => {
      const { jobId } = await world.jobs.submit(request(1))
      await world.ended(jobId)
      assert.equal((await one(jobId)).status, JobStatus.SUCCEEDED)
      assert.equal((await one(jobId)).exitCode, 0)
      assert.deepEqual(await allFailures(jobId), [[]])
      assert.ok(!jobId.includes(':'), 'a plain job has no index')
    })

    it('lists a plain job that failed as its own only failure, at index 0', async () => {
      const { jobId } = await world.jobs.submit(request(1, failing(0, 65)))
      await world.ended(jobId)
      const [failed] = await allFailures(jobId)
      assert.equal(failed?.length, 1)
      assert.deepEqual([failed?.[0]?.jobId, failed?.[0]?.index, failed?.[0]?.exitCode], [jobId, 0, 65])
    })

    it('ends a parent as SUCCEEDED where all its children did', async () => {
      const { jobId } = await world.jobs.submit(request(2))
      await world.ended(jobId)
      const job = await one(jobId)
      assert.equal(job.status, JobStatus.SUCCEEDED)
      assert.equal(job.statusSummary?.SUCCEEDED, 2)
      assert.deepEqual(await allFailures(jobId), [[]])
    })

    it('ends a parent as FAILED where one child did, and lists that child alone', async () => {
      const { jobId } = await world.jobs.submit(request(4, failing(2, 75)))
      await world.ended(jobId)
      const job = await one(jobId)
      assert.equal(job.status, JobStatus.FAILED)
      assert.equal(job.statusReason, 'Array Child Job failed')
      assert.deepEqual([job.statusSummary?.SUCCEEDED, job.statusSummary?.FAILED], [3, 1])
      const failed = (await allFailures(jobId)).flat()
      assert.deepEqual(
        failed.map(child => [child.index, child.jobId, child.exitCode]),
        [[2, `${jobId}:2`, 75]],
      )
    })

    it('keeps a parent PENDING while a child runs, never RUNNING', async () => {
      const { jobId } = await world.jobs.submit(request(2, neverEnding))
      await world.started(`${jobId}:0`)
      assert.equal((await one(`${jobId}:0`)).status, JobStatus.RUNNING)
      assert.equal((await one(jobId)).status, JobStatus.PENDING)
      await world.jobs.terminate(jobId, 'Terminated by Millrace: the test is over')
      await world.ended(jobId)
    })

    it('terminates a job with all its children, the running and the waiting, and says why', async () => {
      const { jobId } = await world.jobs.submit(request(50, neverEnding))
      await world.started(`${jobId}:0`)
      await world.jobs.terminate(jobId, 'Terminated by Millrace: enough')
      await world.ended(jobId)
      const failed = (await allFailures(jobId)).flat()
      assert.equal(failed.length, 50)
      for (const { statusReason } of failed) assert.equal(statusReason, 'Terminated by Millrace: enough')
      assert.equal((await one(jobId)).status, JobStatus.FAILED)
    })

    it('takes it as done to terminate what has ended, and moves nothing', async () => {
      const { jobId } = await world.jobs.submit(request(2))
      await world.ended(jobId)
      await world.jobs.terminate(jobId, 'Terminated by Millrace: too late')
      assert.equal((await one(jobId)).status, JobStatus.SUCCEEDED)
    })

    it('pages through more failures than one page holds, each once, and never one twice', async () => {
      const size = 2100
      const { jobId } = await world.jobs.submit(request(size, neverEnding))
      await world.jobs.terminate(jobId, 'Terminated by Millrace: to have many failures')
      await world.ended(jobId)
      const pages = await allFailures(jobId)
      for (const page of pages) assert.ok(page.length <= 1000, `a page of ${page.length}`)
      const indices = pages.flat().map(child => child.index)
      assert.equal(indices.length, size)
      assert.equal(new Set(indices).size, size)
    })

    it('finds what was submitted by its exact name, in every status, newest first', async () => {
      const first = request(2)
      const { jobId: old } = await world.jobs.submit(first)
      await world.ended(old)
      const { jobId: young } = await world.jobs.submit({ ...first, environment: asEnvironment(neverEnding) })
      const found = await world.jobs.find(first.name, world.queue)
      assert.deepEqual(
        found.map(job => job.jobId),
        [young, old],
      )
      assert.ok(
        found.every(job => job.name === first.name),
        'no child among them',
      )
      await world.jobs.terminate(young, 'Terminated by Millrace: the test is over')
      await world.ended(young)
    })

    it('cannot find a job by a part of its name, in another case, or in another queue', async () => {
      const named = request(1, allSucceed, { name: 'Contract_only-this' })
      const { jobId } = await world.jobs.submit(named)
      assert.deepEqual(await world.jobs.find('Contract_only', world.queue), [])
      assert.deepEqual(await world.jobs.find('contract_ONLY-this', world.queue), [])
      assert.deepEqual(await world.jobs.find(named.name, world.otherQueue), [])
      assert.equal((await world.jobs.find(named.name, world.queue)).length, 1)
      await world.ended(jobId)
    })

    it('submits again what is submitted again: a submission has no memory', async () => {
      const twice = request(1)
      const first = await world.jobs.submit(twice)
      const second = await world.jobs.submit(twice)
      assert.notEqual(first.jobId, second.jobId)
      assert.equal((await world.jobs.find(twice.name, world.queue)).length, 2)
      await Promise.all([world.ended(first.jobId), world.ended(second.jobId)])
    })

    it('describes jobs and children, and leaves out those Batch has forgotten', async () => {
      const { jobId } = await world.jobs.submit(request(2, failing(1, 1)))
      await world.ended(jobId)
      const forgotten = '00000000-1111-4222-8333-444444444444'
      const described = await world.jobs.describe([jobId, `${jobId}:1`, forgotten])
      assert.deepEqual(described.map(job => job.jobId).toSorted(), [jobId, `${jobId}:1`])
      assert.deepEqual(await world.jobs.describe([]), [])
      assert.deepEqual(await world.jobs.failures(forgotten), { failed: [] })
    })

    it('refuses more than 100 ids in one call', async () => {
      const ids = Array.from({ length: 101 }, (_, index) => `00000000-1111-4222-8333-${index + 1e11}`)
      await assert.rejects(world.jobs.describe(ids), error => isError(error, 'REQUEST_REFUSED'))
    })

    it('refuses an array of none, an array of more than 10,000, and a name that Batch cannot take', async () => {
      for (const wrong of [request(0), request(10_001), request(1, allSucceed, { name: 'no spaces' })]) {
        await assert.rejects(world.jobs.submit(wrong), error => isError(error, 'REQUEST_REFUSED'))
        assert.deepEqual(await world.jobs.find(wrong.name, world.queue), [])
      }
    })

    it('ends those behind a failed child of a line as Dependent Job failed, without having begun them', async () => {
      const { jobId } = await world.jobs.submit(request(4, failing(1, 3), { sequential: true }))
      await world.ended(jobId)
      assert.equal((await one(jobId)).statusSummary?.SUCCEEDED, 1)
      const failed = (await allFailures(jobId)).flat()
      assert.deepEqual(
        failed.map(({ index, statusReason, exitCode }) => [index, statusReason, exitCode]),
        [
          [1, 'Essential container in task exited', 3],
          [2, 'Dependent Job failed', undefined],
          [3, 'Dependent Job failed', undefined],
        ],
      )
    })

    it('begins a job after another only where that one has succeeded', async () => {
      const good = await world.jobs.submit(request(2))
      await world.ended(good.jobId)
      const follower = await world.jobs.submit(
        request(2, allSucceed, { sequential: true, after: good.jobId }),
      )
      await world.ended(follower.jobId)
      assert.equal((await one(follower.jobId)).status, JobStatus.SUCCEEDED)
      const bad = await world.jobs.submit(request(2, failing(0, 1)))
      await world.ended(bad.jobId)
      const waits = await world.jobs.submit(request(1, allSucceed, { after: bad.jobId }))
      const ended = await one(waits.jobId)
      assert.deepEqual([ended.status, ended.statusReason], [JobStatus.FAILED, 'Dependent Job failed'])
    })

    it('ends a line that is terminated for that reason, and not for the end of another', async () => {
      const { jobId } = await world.jobs.submit(request(3, neverEnding, { sequential: true }))
      await world.started(`${jobId}:0`)
      await world.jobs.terminate(jobId, 'Terminated by Millrace: enough')
      await world.ended(jobId)
      const reasons = (await allFailures(jobId)).flat().map(({ statusReason }) => statusReason)
      assert.deepEqual(reasons, Array(3).fill('Terminated by Millrace: enough'))
    })

    it('takes an array of 10,000', async () => {
      const { jobId } = await world.jobs.submit(request(10_000, neverEnding))
      const { statusSummary = {} } = await one(jobId)
      assert.equal(
        Object.values(statusSummary).reduce((sum, count) => sum + count, 0),
        10_000,
      )
      await world.jobs.terminate(jobId, 'Terminated by Millrace: the test is over')
      await world.ended(jobId)
    })
  })
}
