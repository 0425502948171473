import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createLocalDeadLetters } from '../../local/events/dead-letters.ts'
import { openQueueDb } from '../../local/events/queue-db.ts'
import { Queues } from '../../local/events/queues.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import type { Bus, OwnEvent } from '../../shared/ports.ts'
import { type DeadLettersUnderTest, deadLettersContract } from './dead-letters.ts'

const redrive = { receivesMax: 2, deadLetterQueue: 'DropsDlq' }

deadLettersContract('SQLite', async (): Promise<DeadLettersUnderTest> => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-dead-letters-'))
  const db = openQueueDb(path.join(dir, 'queues.db'))
  const queues = new Queues(db, createMemoryClock(1_000_000))
  const published: OwnEvent[] = []
  const bus = { publish: async (event: OwnEvent) => void published.push(event) } as Bus
  return {
    letters: createLocalDeadLetters({ queues, bus }),
    giveUpDrop: async body => {
      queues.send([{ queue: 'DropsQueue', body }])
      for (let receives = 0; receives <= redrive.receivesMax; receives++)
        queues.receive('DropsQueue', 10, 0, redrive)
    },
    putFailure: async body => queues.send([{ queue: 'FunctionsDlq', body }]),
    dropsWaiting: async () => queues.receive('DropsQueue', 10, 60_000, redrive).map(({ body }) => body),
    published,
    dispose: async () => {
      db.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
})
