/** A campaign over several cores. */
import { Worker } from 'node:worker_threads'
import type { Pipeline } from '../shared/pipeline.ts'
import { noCounters, type Seeds, summed, type Tally } from './campaign.ts'

export interface CampaignOptions {
  first: number
  count: number
  workers: number
  pipelines?: readonly Pipeline[]
  /** Stop soon after so many seeds have broken a promise. */
  brokenMax: number
  /** After every tally of any worker. */
  progress?: (sum: Tally) => void
}

/** Every worker plays every so manieth seed. Errors: those of a worker. */
export async function playOnCores(options: CampaignOptions): Promise<Tally> {
  const { first, count, workers, pipelines, brokenMax, progress } = options
  let sum: Tally = { seeds: 0, broken: [], counters: noCounters }
  const threads: Worker[] = []
  const add = ({ seeds, broken, counters }: Tally): void => {
    sum = {
      seeds: sum.seeds + seeds,
      broken: [...sum.broken, ...broken],
      counters: summed(sum.counters, counters),
    }
    progress?.(sum)
    if (sum.broken.length >= brokenMax) for (const thread of threads) void thread.terminate()
  }
  const ended = Array.from({ length: Math.min(workers, count) }, (_, at) => {
    const share = Math.ceil((count - at) / workers)
    const own: Seeds = { first: first + at, count: share, step: workers, ...(pipelines ? { pipelines } : {}) }
    const thread = new Worker(new URL('./pool-worker.ts', import.meta.url), { workerData: own })
    threads.push(thread)
    return new Promise<void>((resolve, reject) => {
      thread.on('message', add)
      thread.on('error', reject)
      thread.on('exit', () => resolve())
    })
  })
  await Promise.all(ended)
  return { ...sum, broken: sum.broken.toSorted((a, b) => a.seed - b.seed) }
}
