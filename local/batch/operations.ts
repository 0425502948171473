/** What is answered, by path: Batch's REST JSON, and beneath /local/ what only a local Batch can do. */
import { z } from 'zod'
import type { Batch } from './batch.ts'
import * as definitions from './definitions.ts'
import { describe } from './describe.ts'
import { cancel, reclaim, terminate } from './end-jobs.ts'
import { interfere } from './interfere.ts'
import { list } from './list.ts'
import * as queues from './queues.ts'
import { parse } from './requests.ts'
import { submit } from './submit.ts'

export type Operation = (batch: Batch, body: unknown, bodyBytes: number) => object

const reclaimRequest = z.object({ jobId: z.string(), noticeMs: z.int().min(0).default(0) })

export const operations: Readonly<Record<string, Operation>> = {
  '/v1/registerjobdefinition': definitions.register,
  '/v1/deregisterjobdefinition': definitions.deregister,
  '/v1/describejobdefinitions': definitions.describe,
  '/v1/createjobqueue': queues.create,
  '/v1/describejobqueues': queues.describe,
  '/v1/submitjob': submit,
  '/v1/describejobs': describe,
  '/v1/listjobs': list,
  '/v1/terminatejob': terminate,
  '/v1/canceljob': cancel,
  '/local/reclaim': (batch, body) => {
    const { jobId, noticeMs } = parse(reclaimRequest, body)
    return { reclaimed: reclaim(batch, jobId, noticeMs) }
  },
  '/local/interfere': (batch, body) => {
    interfere(batch, body)
    return {}
  },
  '/local/running': batch => ({ attempts: runningAttempts(batch) }),
}

export interface RunningJob {
  jobId: string
  attempt: number
  pid: number
  startedAt: number
}

export function runningAttempts(batch: Batch): RunningJob[] {
  return [...batch.running.values()].flatMap(({ jobId, attempt, pid, startedAt }) =>
    pid === undefined ? [] : [{ jobId, attempt, pid, startedAt }],
  )
}
