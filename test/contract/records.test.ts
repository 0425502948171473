import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { openLocalRecords } from '../../local/records.ts'
import { createMemoryRecords } from '../../shared/memory/records.ts'
import { openDynalite } from './dynamodb.ts'
import { recordsContract } from './records.ts'

recordsContract('in memory', async () => ({ records: createMemoryRecords(), dispose: async () => {} }))

recordsContract('on one machine', async () => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'millrace-records-'))
  const records = openLocalRecords(path.join(dir, 'records.db'))
  return {
    records,
    async dispose() {
      records.close()
      await rm(dir, { recursive: true })
    },
  }
})

recordsContract('DynamoDB on dynalite', openDynalite, {
  skip: { 'weighs an item in bytes of UTF-8, not in characters': 'dynalite 4.0.0 counts characters' },
})
