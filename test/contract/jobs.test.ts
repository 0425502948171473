import { createMemoryClock } from '../../shared/memory/clock.ts'
import { createMemoryJobs, type MemoryJobs } from '../../shared/memory/jobs.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import { type JobsUnderTest, jobsContract } from './jobs.ts'
import { exitCodeOf } from './work.ts'

jobsContract('in memory', openMemory)

async function openMemory(): Promise<JobsUnderTest> {
  const jobs = createMemoryJobs({ clock: createMemoryClock(0) })
  return {
    jobs,
    queue: 'spot',
    otherQueue: 'critical',
    definition: 'contract',
    started: async jobId => {
      jobs.start(jobId)
    },
    ended: async jobId => endByEnvironment(jobs, jobId),
    dispose: async () => {},
  }
}

/** Plays the machines: every child that ends of its own accord does. */
function endByEnvironment(jobs: MemoryJobs, jobId: string): void {
  const environment = jobs.submitted().find(job => job.jobId === jobId)?.request.environment ?? {}
  for (const { jobId: childId, index } of jobs.children(jobId)) {
    const exitCode = exitCodeOf(environment, index)
    if (exitCode === null) continue
    jobs.end(childId, { status: exitCode === 0 ? JobStatus.SUCCEEDED : JobStatus.FAILED, exitCode })
  }
}
