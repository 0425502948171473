import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { objectCreated } from '../../local/events/envelope.ts'
import { occupy, runningStack } from '../../local/presence.ts'
import type { Stack } from '../../local/stack.ts'
import { openLocalWorld } from '../../local/world.ts'
import { localConfig } from '../../shared/config.ts'
import { isError } from '../../shared/errors.ts'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'
import { tempDir } from './temp-dir.ts'
import {
  csv,
  drained,
  type Line,
  partitionsOf,
  pipeline,
  records,
  ref,
  runIn,
  tinyStack,
} from './tiny-stack.ts'

const ended = [RunState.SUCCEEDED, RunState.FAILED, RunState.REFUSED]

async function start(t: TestContext, dir: string, lines: Line[] = []): Promise<Stack> {
  const stack = await tinyStack(dir, lines)
  t.after(() => stack.stop())
  return stack
}

const configOf = (dir: string) => localConfig(dir, path.join(dir, 'pipelines'))

test('a dropped file becomes proven output, however often and out of order its event comes', async t => {
  const dir = tempDir(t)
  const lines: Line[] = []
  const stack = await start(t, dir, lines)
  const body = csv()
  const info = await stack.world.objects.write(ref, body)
  const run = await runIn(stack, ended)
  assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(lines))
  assert.deepEqual(run.totals, { recordsRead: records, recordsWritten: records, recordsRejected: 0 })
  const certificate = await stack.world.objects.read({ bucket: 'output', key: run.certificate ?? '' })
  assert.ok((await text(certificate)).includes(run.runId))
  const fences = (await partitionsOf(stack, run)).map(item => item?.fence)
  assert.deepEqual(new Set(fences), new Set([1]))

  const again = { ...ref, bytes: info.bytes, etag: info.etag, version: info.version ?? '', sequencer: '' }
  const { openDelivery } = await import('../../local/events/delivery.ts')
  const beside = openDelivery(stack.world.config, stack.world.clock)
  for (let time = 0; time < 4; time += 1) beside.router.putEvents([objectCreated(again, 0)])
  beside.close()
  await drained(stack)
  const { items } = await stack.world.records.query({ index: 'pipeline', pk: pipeline.name })
  assert.equal(items.length, 1)
  assert.deepEqual(Object.values(stack.queues.deadLetters()).flat(), [], 'nothing was given up')
  assert.equal(stack.sink.messages().length, 1, 'said once')
})

test('what was dropped while no stack was up is worked by the next one', async t => {
  const dir = tempDir(t)
  const world = await openLocalWorld(configOf(dir))
  await world.objects.write(ref, csv())
  await assert.rejects(world.jobs.describe(['x']), error => isError(error, 'NOT_FOUND'))
  world.close()
  const stack = await start(t, dir)
  const run = await runIn(stack, ended)
  assert.equal(run.state, RunState.SUCCEEDED)
})

test('another process finds the running stack, and a second stack on its folder is refused', async t => {
  const dir = tempDir(t)
  const stack = await start(t, dir)
  assert.equal(runningStack(dir)?.batchUrl, stack.urls.batch)
  await assert.rejects(tinyStack(dir), error => isError(error, 'NOT_ALLOWED'))
  const world = await openLocalWorld(configOf(dir))
  assert.deepEqual(await world.jobs.find('nothing', `${world.config.jobPrefix}-daily`), [])
  await world.chat.post({ channel: '#tiny', text: 'from beside', blocks: [] })
  world.close()
  assert.deepEqual(
    stack.sink.messages().map(message => message.text),
    ['from beside'],
  )
  await stack.stop()
  assert.equal(runningStack(dir), undefined)
})

test('a stack that cannot start leaves its folder free', async t => {
  const dir = tempDir(t)
  mkdirSync(path.join(dir, 'batch.db'))
  await assert.rejects(tinyStack(dir))
  occupy(dir).leave()
})

test('killed in the middle of a run and started again, it completes, and works nothing twice', async t => {
  const dir = tempDir(t)
  const fixture = path.join(import.meta.dirname, 'fixtures', 'stack-until-killed.ts')
  const child = spawn(process.execPath, [fixture, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  child.kill('SIGKILL')
  await once(child, 'close')
  const done = JSON.parse(line) as { partition: number; fence: number }[]
  const lines: Line[] = []
  const stack = await start(t, dir, lines)
  const run = await runIn(stack, ended)
  assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(lines))
  assert.deepEqual(run.totals, { recordsRead: records, recordsWritten: records, recordsRejected: 0 })
  const partitions = await partitionsOf(stack, run)
  assert.ok(partitions.length > done.length, 'some were still to do')
  assert.ok(partitions.every(item => item?.state === PartitionState.SUCCEEDED))
  for (const { partition, fence } of done)
    assert.equal(partitions[partition]?.fence, fence, 'not worked again')
})
