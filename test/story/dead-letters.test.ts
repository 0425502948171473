/** A drop that was given up on: seen, put back, and loaded by the next stack. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { openDelivery } from '../../local/events/delivery.ts'
import { openLocalWorld } from '../../local/world.ts'
import { systemClock } from '../../shared/clock.ts'
import { localConfig } from '../../shared/config.ts'
import { runIdOf } from '../../shared/plan.ts'
import { recordKeys } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { failureOf } from '../contract/dead-letters.ts'
import { endAll, millrace, type Said, up } from './command.ts'
import { tempDir, until } from './story.ts'

const pipeline = {
  name: 'orders',
  source: { prefix: 'orders/', format: 'csv', columns: { id: 'INTEGER' } },
  work: { sql: 'SELECT * FROM input' },
  output: { prefix: 'out/' },
}
const ref = { bucket: 'drops', key: 'orders/a.csv' }

let place: { dataDir: string; pipelinesDir: string }
let remove: () => void

before(() => {
  const temp = tempDir()
  remove = temp.remove
  place = { dataDir: path.join(temp.dir, 'data'), pipelinesDir: path.join(temp.dir, 'pipelines') }
  mkdirSync(place.pipelinesDir)
  writeFileSync(path.join(place.pipelinesDir, 'orders.ts'), `export default ${JSON.stringify(pipeline)}\n`)
})
after(async () => {
  await endAll()
  remove()
})

/** Drops a file whose event is received, and not done, until it is given up; beside it, what nobody can do. */
async function giveUp(): Promise<{ runId: string; tries: number }> {
  const config = localConfig(place.dataDir, place.pipelinesDir)
  const delivery = openDelivery(config, systemClock)
  const world = await openLocalWorld(config, { delivery })
  const { version = '' } = await world.objects.write(ref, Buffer.from('id\n1\n2\n'))
  const { redrive } = delivery.wiring.queues.find(({ name }) => name === 'DropsQueue') ?? {}
  assert.ok(redrive)
  for (let receives = 0; receives <= redrive.receivesMax; receives++)
    delivery.queues.receive('DropsQueue', 10, 0, redrive)
  delivery.queues.send([{ queue: 'FunctionsDlq', body: failureOf('submit', { strange: true }) }])
  world.close()
  delivery.close()
  return { runId: runIdOf(pipeline.name, ref, version), tries: redrive.receivesMax }
}

function lines(said: Said): Record<string, unknown>[] {
  const text = said.stdout.trimEnd()
  return text === '' ? [] : text.split('\n').map(line => JSON.parse(line) as Record<string, unknown>)
}

test('what was given up on is listed, put back and done, but for what nobody can do', async () => {
  const { runId, tries } = await giveUp()

  const [drop = {}, strange = {}] = lines(await millrace(['dlq', 'list', '--json'], place))
  assert.deepEqual(
    [drop.queue, drop.function, drop.key, drop.runId, drop.pipeline, drop.tries],
    ['DropsDlq', 'partition', ref.key, runId, pipeline.name, tries],
  )
  assert.deepEqual([strange.function, strange.error], ['submit', 'Error: no such table'])
  const { stdout } = await millrace(['dlq', 'list'], place)
  assert.match(stdout, new RegExp(`^DropsDlq .* ${tries} +partition +Object Created +${runId}`, 'm'))

  const dry = await millrace(['dlq', 'redrive', '--dry-run'], place)
  assert.match(dry.stdout, /^1 message would be put back/)

  const redriven = await millrace(['dlq', 'redrive'], place)
  assert.equal(redriven.exitCode, 1, 'one had to stay')
  assert.match(redriven.stdout, /^1 message put back.*\n1 message left.*\nNo stack is up/)
  const left = lines(await millrace(['dlq', 'list', '--json'], place))
  assert.deepEqual(
    left.map(({ queue }) => queue),
    ['FunctionsDlq'],
  )

  await up(place)
  const world = await openLocalWorld(localConfig(place.dataDir, place.pipelinesDir))
  const run = await until('the run of the drop', async () => {
    const item = await world.records.get(recordKeys.run(runId))
    return item?.state === RunState.SUCCEEDED ? item : undefined
  })
  world.close()
  assert.deepEqual(run.totals, { recordsRead: 2, recordsWritten: 2, recordsRejected: 0 })
})

test('cannot name a queue that is not there, and says which are', async () => {
  const said = await millrace(['dlq', 'list', '--queue', 'Nowhere'], place)
  assert.equal(said.exitCode, 2)
  assert.match(said.stderr, /DropsDlq, JobsDlq, FunctionsDlq/)
})
