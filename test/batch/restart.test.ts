import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { identityOf } from '../../local/batch/process.ts'
import { keptMs } from '../../local/batch/retention.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import {
  clientFor,
  fixture,
  gone,
  openLocalBatch,
  ready,
  register,
  retrySpot,
  submitWith,
} from './local-batch.ts'

const hostLost = /^Host EC2 \(instance i-[0-9a-f]{17}\) terminated\.$/

async function serve(dir: string): Promise<{ process: ChildProcess; url: string }> {
  const [node = '', file = ''] = fixture('serve.ts', dir)
  const server = spawn(node, [file, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = (await once(createInterface(server.stdout), 'line')) as [string]
  return { process: server, url }
}

async function running(url: string): Promise<{ jobId: string; pid: number }[]> {
  const response = await fetch(`${url}/local/running`, { method: 'POST' })
  return ((await response.json()) as { attempts: { jobId: string; pid: number }[] }).attempts
}

test('kill -9 of the server: the array goes on, what ran is ended as a lost host and run again', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-batch-'))
  const { process: server, url } = await serve(dir)
  const client = clientFor(url)
  await register(client)
  const parent = await submitWith(client, fixture('runs-forever-first.mjs'), {
    arrayProperties: { size: 4 },
    retryStrategy: retrySpot,
  })
  await ready({ dir }, `${parent}:0`)
  await ready({ dir }, `${parent}:1`)
  const survivors = await running(url)
  client.destroy()
  server.kill('SIGKILL')
  await once(server, 'exit')
  for (const { pid } of survivors) assert.notEqual(identityOf(pid), undefined)

  await using batch = await openLocalBatch({ dir })
  for (const { pid } of survivors) await gone(pid)
  for (const index of [0, 1]) {
    await ready(batch, `${parent}:${index}`, 'attempt 2', 2)
    await batch.reaches(`${parent}:${index}`, JobStatus.SUCCEEDED)
    const { attempts } = await batch.describe(`${parent}:${index}`)
    assert.match(attempts?.[0]?.statusReason ?? '', hostLost)
  }
  for (const index of [2, 3]) {
    await ready(batch, `${parent}:${index}`)
    await batch.server.reclaim(`${parent}:${index}`)
  }
  const { detail } = await batch.reaches(parent, JobStatus.SUCCEEDED)
  assert.deepEqual(detail.arrayProperties?.statusSummary, { [JobStatus.SUCCEEDED]: 4 })

  // Every change was told of, by this server or the one before it.
  const told = readFileSync(path.join(dir, 'events.ndjson'), 'utf8')
  const before = told
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as (typeof batch.events)[number])
  const statuses = [...before, ...batch.events].filter(event => event.detail.jobId === `${parent}:0`)
  const distinct = new Map(statuses.map(event => [event.id, event.detail.status]))
  const round = [JobStatus.RUNNABLE, JobStatus.STARTING, JobStatus.RUNNING]
  assert.deepEqual([...distinct.values()], [...round, ...round, JobStatus.SUCCEEDED])
})

test('a job that was terminated before kill -9 is not run again', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-batch-'))
  const { process: server, url } = await serve(dir)
  const client = clientFor(url)
  await register(client)
  const jobId = await submitWith(client, fixture('forever.mjs'), { retryStrategy: retrySpot })
  await ready({ dir }, jobId)
  await fetch(`${url}/v1/terminatejob`, { method: 'POST', body: JSON.stringify({ jobId, reason: 'enough' }) })
  client.destroy()
  server.kill('SIGKILL')
  await once(server, 'exit')
  await using batch = await openLocalBatch({ dir })
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'enough')
  assert.equal(detail.isTerminated, true)
})

test('a process that merely has the number of a lost one is left alone', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('exits-on-sigterm.mjs'), { retryStrategy: retrySpot })
  await ready(batch, jobId)
  await batch.stop()
  const [node = '', ...words] = fixture('forever.mjs')
  const stranger = spawn(node, words, { stdio: 'ignore', detached: true })
  const db = new DatabaseSync(path.join(batch.dir, 'batch.db'))
  db.prepare('UPDATE attempts SET pid = ?').run(stranger.pid ?? 0)
  db.close()

  await using next = await openLocalBatch({ dir: batch.dir })
  await ready(next, jobId, 'ready', 2)
  assert.notEqual(identityOf(stranger.pid ?? 0), undefined)
  stranger.kill('SIGKILL')
  assert.deepEqual(await once(stranger, 'exit'), [null, 'SIGKILL'])
})

test('stop ends every process, and the next start takes their host for lost', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('exits-on-sigterm.mjs', '0'), { retryStrategy: retrySpot })
  await ready(batch, jobId)
  const [attempt] = batch.server.jobs()
  await batch.stop()
  assert.equal(identityOf(attempt?.pid ?? 0), undefined)
  await using next = await openLocalBatch({ dir: batch.dir })
  await ready(next, jobId, 'ready', 2)
  const { attempts } = await next.describe(jobId)
  assert.match(attempts?.[0]?.statusReason ?? '', hostLost)
})

test('stop kills a process that does not listen', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('forever.mjs'))
  await ready(batch, jobId)
  const [attempt] = batch.server.jobs()
  await batch.stop()
  assert.equal(identityOf(attempt?.pid ?? 0), undefined)
})

test('a job is kept for seven days after its end, and then forgotten with its logs', async () => {
  await using batch = await openLocalBatch()
  const old = await batch.submit(fixture('succeed.mjs'), { arrayProperties: { size: 2 } })
  await batch.reaches(old, JobStatus.SUCCEEDED)
  await batch.stop()
  const db = new DatabaseSync(path.join(batch.dir, 'batch.db'))
  const age = (ms: number) => db.prepare('UPDATE jobs SET stoppedAt = stoppedAt - ?').run(ms)
  age(keptMs)
  const kept = await openLocalBatch({ dir: batch.dir })
  assert.equal((await kept.describe(old)).status, JobStatus.SUCCEEDED)
  await kept.stop()
  age(1)
  db.close()
  await using next = await openLocalBatch({ dir: batch.dir })
  await assert.rejects(next.describe(old), /No job/)
  await assert.rejects(next.describe(`${old}:1`), /No job/)
  assert.equal(existsSync(path.join(batch.dir, 'logs', `${old}_1`)), false)
})
