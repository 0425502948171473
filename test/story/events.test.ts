/** Events come twice, late and in any order; files are dropped again, overwritten, and broken on purpose. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { RegisterJobDefinitionCommand, SubmitJobCommand, TerminateJobCommand } from '@aws-sdk/client-batch'
import { retryRun } from '../../functions/steps/retry.ts'
import { openDelivery } from '../../local/events/delivery.ts'
import { objectCreated } from '../../local/events/envelope.ts'
import { localBatch } from '../../local/world.ts'
import { newId, systemClock } from '../../shared/clock.ts'
import { fromItem, type RunRecord, recordKeys, type SourceRecord } from '../../shared/records.ts'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'
import { csvRows, provenCertificate, publishedRows } from './published.ts'
import {
  type Dropped,
  drop,
  dropped,
  ended,
  givenUp,
  openStory,
  partitionOf,
  runOf,
  runsOf,
  type Story,
  told,
  until,
} from './story.ts'

const cores = 2
const shared = {
  work: { sql: 'SELECT * FROM input' },
  job: { memoryMiB: 512 },
  retry: { attempts: 3, backoffSeconds: 0 },
  notify: { slack: '#files', on: ['SUCCEEDED', 'FAILED', 'REFUSED', 'RECOVERED'] },
}
const csv = (name: string, more: object = {}) => ({
  ...shared,
  name,
  source: { prefix: `${name}/`, format: 'csv' },
  output: { prefix: `${name}/` },
  ...more,
})
const pipelines = {
  'often.ts': csv('often'),
  'once.ts': csv('once', { source: { prefix: 'once/', format: 'csv', skipIdentical: true } }),
  'held.ts': csv('held'),
  'waiting.ts': csv('waiting', { retry: { attempts: 3, backoffSeconds: 4 } }),
  'typo.ts': csv('typo', { work: { sql: 'SELECT id, nam FROM input' }, retry: { attempts: 1 } }),
  'partly.ts': csv('partly', {
    work: { sql: `SELECT CASE WHEN id = '5' THEN error('five is right out') ELSE id END AS id FROM input` },
    retry: { attempts: 2, backoffSeconds: 0 },
  }),
  'throttled.ts': csv('throttled', { retry: { attempts: 1, backoffSeconds: 0 } }),
}

let story: Story

before(async () => {
  story = await openStory(pipelines)
})

after(async () => {
  try {
    assert.deepEqual(givenUp(story), [], 'no function gave up on any event of these stories')
  } finally {
    await story.close()
  }
})

/** `records` records of eight bytes: one in each partition of eight bytes. */
function records(count: number): string {
  return `id,name\n${Array.from({ length: count }, (_, id) => `${id},name${String(id).length > 1 ? '' : '_'}\n`).join('')}`
}
const eachRecord = { partitionBytes: 8 }

async function published(run: RunRecord, content: string): Promise<void> {
  assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
  const place = { dataDir: story.dataDir, certificate: run.certificate ?? '' }
  await provenCertificate(place, Buffer.from(content))
  assert.deepEqual(await publishedRows(place), csvRows(content))
}

function certificates(pipeline: string): string[] {
  const folder = path.join(story.dataDir, 'objects', 'output', pipeline, '_millrace')
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

async function partitions(run: RunRecord) {
  return Promise.all(
    Array.from({ length: run.partitions }, (_, partition) => partitionOf(story, run.runId, partition)),
  )
}

async function claims(run: RunRecord): Promise<number[]> {
  return (await partitions(run)).map(record => record?.claims?.length ?? 0)
}

/** Puts the drop's event on the bus as S3 might: again, and again. */
function repeatEvents(drops: Dropped[]): void {
  const { world } = story.stack
  const delivery = openDelivery(world.config, systemClock)
  try {
    for (const { key, version, bytes, etag } of drops) {
      const created = { bucket: world.config.buckets.drops, key, version, bytes, etag, sequencer: version }
      delivery.router.putEvents([objectCreated(created, systemClock.now())])
    }
  } finally {
    delivery.close()
  }
}

async function nothingWaits(): Promise<void> {
  await until('empty queues', () => {
    const busy = Object.values(story.stack.queues.depths()).some(
      ({ waiting, delayed, inFlight }) => waiting + delayed + inFlight > 0,
    )
    return busy ? undefined : true
  })
}

/** A job of somebody else's that takes the whole machine until it is released: nothing of ours can start. */
async function holdMachine(): Promise<() => Promise<void>> {
  const client = await localBatch(story.stack.urls.batch)
  const name = `somebody-elses-${newId()}`
  await client.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: name,
      type: 'container',
      containerProperties: {
        image: 'any',
        command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'],
        resourceRequirements: [
          { type: 'VCPU', value: String(cores) },
          { type: 'MEMORY', value: '512' },
        ],
      },
    }),
  )
  const { jobId = '' } = await client.send(
    new SubmitJobCommand({
      jobName: name,
      jobQueue: `${story.stack.world.config.jobPrefix}-daily`,
      jobDefinition: name,
    }),
  )
  await until('the machine to be held', () => story.stack.batch.jobs().find(job => job.jobId === jobId))
  return async () => {
    await client.send(new TerminateJobCommand({ jobId, reason: 'released' }))
  }
}

describe('An event', () => {
  it('that comes five times and among others gives one run, one certificate and one message', async () => {
    const content = [records(3), records(4), records(5)]
    const drops = await Promise.all(content.map((text, at) => drop(story, `often/${at}.csv`, text)))
    for (let times = 0; times < 2; times++) repeatEvents(drops.toReversed())
    for (const { runId } of drops) await ended(story, runId)
    for (let times = 0; times < 2; times++) repeatEvents(drops)
    await nothingWaits()
    for (const [at, { runId }] of drops.entries()) {
      const run = await ended(story, runId)
      await published(run, content[at] ?? '')
      assert.deepEqual(await claims(run), [1])
      assert.equal(told(story, runId).length, 1)
    }
    assert.equal((await runsOf(story, 'often')).length, 3)
    assert.equal(certificates('often').length, 3)
  })

  it('of a file that no pipeline takes leaves a line in the log, and nothing else', async () => {
    const messages = story.stack.sink.messages().length
    const { key } = await drop(story, 'nobody/file.csv', records(1))
    const line = await until('the line', () => story.lines.find(({ fields }) => fields.key === key))
    assert.equal(line.message, 'no pipeline takes this key')
    await nothingWaits()
    assert.equal(story.stack.sink.messages().length, messages)
  })
})

describe('A file dropped again under its key', () => {
  it('is a run of its own', async () => {
    const first = await dropped(story, 'often/again.csv', records(2))
    const second = await dropped(story, 'often/again.csv', records(2))
    assert.notEqual(second.runId, first.runId)
    await published(first, records(2))
    await published(second, records(2))
  })

  it('is no run where its pipeline skips identical content, and the ledger names the earlier one', async () => {
    const first = await dropped(story, 'once/again.csv', records(2))
    const repeat = await drop(story, 'once/again.csv', records(2))
    const { world } = story.stack
    const ref = { bucket: world.config.buckets.drops, key: repeat.key }
    const entry = await until('the entry in the ledger', () =>
      world.records.get(recordKeys.source(ref, repeat.version)),
    )
    assert.equal(fromItem<SourceRecord>(entry).runId, first.runId)
    await nothingWaits()
    assert.equal(await runOf(story, repeat.runId), undefined)
    assert.equal(told(story, first.runId).length, 1)
  })

  it('is a run even there where its content is another', async () => {
    await dropped(story, 'once/other.csv', records(2))
    await published(await dropped(story, 'once/other.csv', records(3)), records(3))
  })
})

describe('A file overwritten in mid-run', () => {
  it('before its workers start fails the run, and its new content is a run of its own', async () => {
    const release = await holdMachine()
    const old = await drop(story, 'held/file.csv', records(6), eachRecord)
    await until('the jobs', async () =>
      (await runOf(story, old.runId))?.state === RunState.RUNNING ? true : undefined,
    )
    const fresh = await drop(story, 'held/file.csv', records(7))
    await release()
    const run = await ended(story, old.runId)
    assert.equal(run.state, RunState.FAILED)
    assert.equal(run.failure?.code, 'SOURCE_CHANGED')
    assert.match(run.failure?.words ?? '', /overwritten/)
    assert.equal(run.certificate, undefined)
    const tried = await claims(run)
    assert.ok(tried.includes(1) && tried.every(count => count <= 1), 'it is not tried in vain')
    assert.equal(told(story, old.runId).length, 1)
    await published(await ended(story, fresh.runId), records(7))
    assert.deepEqual(certificates('held'), [`${fresh.runId}.json`])
  })

  it('between two rounds fails the run, although most of it has succeeded', async () => {
    const name = 'waiting_*'
    await story.stack.batch.interfere({
      jobNamePattern: name,
      index: 1,
      environment: { MILLRACE_LOCAL_FAULT: 'slow-down' },
    })
    const old = await drop(story, 'waiting/file.csv', records(3), eachRecord)
    const waiting = await until('the wait for round 2', async () => {
      const run = await runOf(story, old.runId)
      return run?.state === RunState.WAITING ? run : undefined
    })
    assert.deepEqual(
      (await partitions(waiting)).map(record => record?.state),
      [PartitionState.SUCCEEDED, PartitionState.FAILED, PartitionState.SUCCEEDED],
    )
    const fresh = await drop(story, 'waiting/file.csv', records(4))
    const run = await ended(story, old.runId)
    assert.equal(run.failure?.code, 'SOURCE_CHANGED')
    assert.deepEqual(await claims(run), [1, 2, 1])
    await published(await ended(story, fresh.runId), records(4))
    assert.deepEqual(certificates('waiting'), [`${fresh.runId}.json`])
  })

  it('before it is planned is refused under its old version, and taken under its new one', async () => {
    const { world } = story.stack
    const ref = { bucket: world.config.buckets.drops, key: 'often/quick.csv' }
    const old = await drop(story, ref.key, records(2))
    const run = await ended(story, old.runId)
    // The very same key and time as S3 would tell of them, but of a version that is gone.
    const gone = { ...old, version: `${old.version}0`, runId: '' }
    repeatEvents([gone])
    const refused = await until('the refused run', async () =>
      (await runsOf(story, 'often')).find(({ source }) => source.version === gone.version),
    )
    assert.equal((await ended(story, refused.runId)).state, RunState.REFUSED)
    assert.equal(refused.failure?.code, 'SOURCE_CHANGED')
    assert.equal(told(story, refused.runId).length, 1)
    await published(run, records(2))
  })
})

describe('SQL', () => {
  it("that does not run fails with DuckDB's words, and again when it is retried unchanged", async () => {
    const first = await dropped(story, 'typo/file.csv', records(1))
    assert.equal(first.state, RunState.FAILED)
    assert.equal(first.failure?.code, 'APPLICATION')
    assert.match(first.failure?.words ?? '', /partition 0: .*Referenced column "nam" not found/)
    await retryRun(story.stack.world, first.runId)
    const again = await until('the end of the retry', async () => {
      const run = await ended(story, first.runId)
      return run.round === 2 && run.state === RunState.FAILED && run.told?.endsWith('@2') ? run : undefined
    })
    assert.match(again.failure?.words ?? '', /"nam" not found/)
    const messages = told(story, first.runId)
    assert.equal(messages.length, 2, 'a person is told of each end')
    assert.ok(messages[1]?.threadTs !== undefined, 'in one thread')
  })

  it('that fails in one partition leaves the others alone, in every round and after a retry', async () => {
    const first = await dropped(story, 'partly/file.csv', records(8), eachRecord)
    assert.equal(first.failure?.code, 'BAD_INPUT')
    assert.match(first.failure?.words ?? '', /partition 5: .*five is right out/)
    const before = await claims(first)
    // Nothing heals it, so that nobody is tried twice, and who has not begun is not tried at all.
    assert.deepEqual([before[5], before.every(count => count <= 1)], [1, true])
    await retryRun(story.stack.world, first.runId)
    const again = await until('the end of the retry', async () => {
      const run = await runOf(story, first.runId)
      return run?.state === RunState.FAILED && run.told?.endsWith(`@${run.round}`) && run.round > first.round
        ? run
        : undefined
    })
    const after = await claims(again)
    assert.equal(after[5], 2)
    assert.ok(after.every((count, at) => count <= (before[at] ?? 0) + 1))
    assert.deepEqual(certificates('partly'), [])
  })
})

describe('A run that failed from a temporary fault', () => {
  it('recovers when it is retried, and the same thread says so', async () => {
    await story.stack.batch.interfere({
      jobNamePattern: 'throttled_*',
      index: 2,
      environment: { MILLRACE_LOCAL_FAULT: 'slow-down' },
    })
    const first = await dropped(story, 'throttled/file.csv', records(4), eachRecord)
    assert.equal(first.state, RunState.FAILED)
    assert.equal(first.failure?.code, 'TEMPORARY')
    assert.match(first.failure?.remedy ?? '', /retry the run/)
    await retryRun(story.stack.world, first.runId)
    const run = await until('the recovery', async () => {
      const now = await runOf(story, first.runId)
      return now?.state === RunState.SUCCEEDED && now.told?.startsWith(now.state) ? now : undefined
    })
    await published(run, records(4))
    assert.deepEqual(await claims(run), [1, 1, 2, 1])
    assert.equal(run.failure, undefined, 'a run that succeeded has no failure')
    const [failure, recovery, ...more] = told(story, first.runId)
    assert.match(failure?.text ?? '', /run failed/)
    assert.match(recovery?.text ?? '', /succeeded after all/)
    assert.equal(typeof recovery?.threadTs, 'string')
    assert.deepEqual(more, [])
  })

  it('cannot be retried once it has succeeded', async () => {
    const run = await dropped(story, 'often/done.csv', records(1))
    await assert.rejects(retryRun(story.stack.world, run.runId), { code: 'NOT_ALLOWED' })
  })
})
