import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { RegisterJobDefinitionCommand } from '@aws-sdk/client-batch'
import { type BatchServer, startBatchServer } from '../../local/batch/server.ts'
import { createAwsClients } from '../../shared/aws/clients.ts'
import { createBatchJobs } from '../../shared/aws/jobs.ts'
import { systemClock } from '../../shared/clock.ts'
import type { Log } from '../../shared/ports.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import { type JobsUnderTest, jobsContract } from './jobs.ts'

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }

jobsContract('AWS SDK on the local Batch server, with real processes', openLocal)

async function openLocal(): Promise<JobsUnderTest> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-'))
  const seen = seenStatuses()
  const server = await startBatchServer({
    dbFile: path.join(folder, 'batch.db'),
    logsDir: path.join(folder, 'logs'),
    clock: systemClock,
    log: silent,
    cores: 4,
    emit: seen.take,
    baseEnvironment: {},
    cwd: folder,
    queues: [
      { name: 'spot', priority: 1 },
      { name: 'critical', priority: 2 },
    ],
  })
  const client = createAwsClients({
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    endpoints: { batch: server.url },
  }).batch
  await client.send(childDefinition('contract'))
  return {
    jobs: createBatchJobs({ client }),
    queue: 'spot',
    otherQueue: 'critical',
    definition: 'contract',
    started: jobId => seen.until(jobId, [JobStatus.RUNNING]),
    ended: jobId => seen.until(jobId, [JobStatus.SUCCEEDED, JobStatus.FAILED]),
    dispose: () => dispose(server, folder),
  }
}

function childDefinition(jobDefinitionName: string): RegisterJobDefinitionCommand {
  return new RegisterJobDefinitionCommand({
    jobDefinitionName,
    type: 'container',
    containerProperties: {
      image: 'contract',
      command: [process.execPath, path.join(import.meta.dirname, 'child.ts')],
      resourceRequirements: [
        { type: 'VCPU', value: '1' },
        { type: 'MEMORY', value: '128' },
      ],
    },
  })
}

/** Awaits what the server's own events say, so that nothing here polls or sleeps. */
function seenStatuses(): {
  take: (event: object) => Promise<void>
  until: (jobId: string, statuses: JobStatus[]) => Promise<void>
} {
  const seen = new Set<string>()
  const waiting = new Map<string, () => void>()
  return {
    take: async event => {
      const { jobId, status } = (event as { detail: { jobId: string; status: JobStatus } }).detail
      seen.add(`${jobId} ${status}`)
      waiting.get(`${jobId} ${status}`)?.()
    },
    until: async (jobId, statuses) => {
      if (statuses.some(status => seen.has(`${jobId} ${status}`))) return
      await new Promise<void>(resolve => {
        for (const status of statuses) waiting.set(`${jobId} ${status}`, resolve)
      })
    },
  }
}

async function dispose(server: BatchServer, folder: string): Promise<void> {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
}
