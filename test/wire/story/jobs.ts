/** Our Batch server, with the queues and the job definitions of the packaged template; its jobs are this checkout's worker. */
import path from 'node:path'
import { RegisterJobDefinitionCommand } from '@aws-sdk/client-batch'
import { type BatchServer, startBatchServer } from '../../../local/batch/server.ts'
import type { Envelope } from '../../../local/events/envelope.ts'
import { localBatch } from '../../../local/world.ts'
import { systemClock } from '../../../shared/clock.ts'
import { environment } from '../../../shared/config.ts'
import { silentLog } from '../../../shared/log.ts'
import { registerJobDefinition } from '../../infra/executed/requests.ts'
import { ofType, type Template } from '../../infra/packaged.ts'
import { nameOf } from '../../infra/policy/resolve.ts'
import { preload } from './functions.ts'

const worker = path.resolve(import.meta.dirname, '../../../worker/main.ts')

interface Options {
  template: Template
  dir: string
  /** What this machine adds to the environment of every container. */
  more: Readonly<Record<string, string>>
  emit: (event: Envelope) => Promise<void>
}

export async function openJobs({ template, dir, more, emit }: Options): Promise<BatchServer> {
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = environment()
  const server = await startBatchServer({
    dbFile: path.join(dir, 'batch.db'),
    logsDir: path.join(dir, 'logs'),
    clock: systemClock,
    log: silentLog,
    cores: 2,
    emit: event => emit(event as Envelope),
    baseEnvironment: { PATH, HOME, TMPDIR },
    cwd: dir,
    queues: ofType(template, 'AWS::Batch::JobQueue').map(([id, { Properties }]) => ({
      name: nameOf(id, template),
      priority: Number(Properties.Priority),
    })),
  })
  const client = await localBatch(server.url)
  for (const [id] of ofType(template, 'AWS::Batch::JobDefinition')) {
    const asked = registerJobDefinition(id, template)
    const { environment: declared = [] } = asked.containerProperties ?? {}
    const added = Object.entries(more).map(([name, value]) => ({ name, value }))
    const containerProperties = {
      ...asked.containerProperties,
      // In place of the image's own: there is no container engine here.
      command: [process.execPath, '--import', preload, worker],
      environment: [...declared, ...added],
    }
    await client.send(new RegisterJobDefinitionCommand({ ...asked, containerProperties }))
  }
  return server
}
