import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, openLocalBatch, ready } from './local-batch.ts'

const turnsMax = 100_000

const keptFile = (log: string): string => /kept (.*) ready/.exec(log)?.[1] ?? ''

test('what an attempt left in its temporary folder goes with it, also if it is killed', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('keeps-a-file.mjs'))
  const other = await batch.submit(fixture('keeps-a-file.mjs'))
  await ready(batch, jobId)
  await ready(batch, other)
  const [file, others] = [keptFile(batch.logOf(jobId)), keptFile(batch.logOf(other))]
  assert.ok(file.startsWith(batch.dir) && existsSync(file))
  await batch.server.reclaim(jobId)
  await batch.reaches(jobId, JobStatus.FAILED)
  for (let turns = 0; turns < turnsMax && existsSync(file); turns++) await turn()
  assert.equal(existsSync(file), false)
  assert.ok(existsSync(others), 'what another attempt keeps stays')
})

test('what attempts of a server that was killed have left is gone when the next one is up', async () => {
  await using first = await openLocalBatch()
  await first.stop()
  const left = path.join(first.dir, 'scratch', 'some-job-1')
  mkdirSync(left, { recursive: true })
  writeFileSync(path.join(left, 'file'), 'left')
  await using second = await openLocalBatch({ dir: first.dir })
  assert.equal(readdirSync(second.dir).includes('scratch'), false)
})
