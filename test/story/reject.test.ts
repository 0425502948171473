/** What was rejected, loaded after a fix: by the command line, as a person does it. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { RunState } from '../../shared/vocabulary.ts'
import { endAll, millrace, type Said } from './command.ts'
import { tempDir } from './story.ts'

let place: { dataDir: string; pipelinesDir: string }
let dir: string
let remove: () => void

before(() => {
  ;({ dir, remove } = tempDir())
  place = { dataDir: path.join(dir, 'data'), pipelinesDir: path.join(dir, 'pipelines') }
})
after(async () => {
  await endAll()
  remove()
})

function givePipeline(type: string): void {
  mkdirSync(place.pipelinesDir, { recursive: true })
  const pipeline = {
    name: 'orders',
    source: { prefix: 'orders/', format: 'csv', columns: { id: 'INTEGER', amount: type, note: 'VARCHAR' } },
    work: { sql: 'SELECT * FROM input' },
    output: { prefix: 'out/', format: 'csv' },
    tolerate: { rejectedRecords: 3 },
  }
  writeFileSync(path.join(place.pipelinesDir, 'orders.ts'), `export default ${JSON.stringify(pipeline)}\n`)
}

function lines(said: Said): Record<string, unknown>[] {
  return said.stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)
}

test('three bad records are tolerated, listed, replayed once after a fix, and not a second time', async () => {
  givePipeline('INTEGER')
  const bad = ['2,2.5,"a, ""b"""', '4,4.25,ü', '5,5.75,"two\r\nlines"']
  const text = `id,amount,note\r\n1,1,x\r\n${bad[0]}\r\n3,3,y\r\n${bad[1]}\r\n${bad[2]}\r\n`
  const file = path.join(dir, 'orders.csv')
  writeFileSync(file, text)

  const [first = {}] = lines(await millrace(['drop', file, '--wait', '--json'], place))
  assert.deepEqual([first.status, first.recordsRejected, first.recordsWritten], [RunState.SUCCEEDED, 3, 2])
  const runId = String(first.runId)

  const listed = lines(await millrace(['reject', 'list', runId, '--json'], place))
  assert.deepEqual(
    listed.map(({ raw, column, objectLine, byteOffset }) => [raw, column, objectLine, byteOffset]),
    bad.map((raw, at) => [raw, 'amount', [3, 5, 6][at], Buffer.byteLength(text.slice(0, text.indexOf(raw)))]),
  )
  const raw = await millrace(['reject', 'list', runId, '--raw', '--limit', '2'], place)
  assert.equal(raw.stdout, `${bad[0]}\n${bad[1]}\n`)

  const dry = await millrace(['reject', 'replay', runId, '--dry-run', '--json'], place)
  const key = `orders/replay/${runId}-1.csv`
  assert.equal(dry.exitCode, 0, dry.stderr)
  const whole = `id,amount,note\r\n${bad.map(record => `${record}\r\n`).join('')}`
  const bytes = Buffer.byteLength(whole)
  assert.deepEqual(lines(dry), [{ records: 3, lost: 0, lostShown: [], drops: [{ key, records: 3, bytes }] }])

  givePipeline('DECIMAL(9,2)')
  const replayed = await millrace(['reject', 'replay', runId, '--wait', '--json'], place)
  const [second = {}] = lines(replayed)
  assert.deepEqual([second.status, second.recordsRejected, second.recordsWritten], [RunState.SUCCEEDED, 0, 3])
  assert.ok(String(second.source).endsWith(key))
  const [output = ''] = second.outputs as string[]
  assert.equal(readFileSync(output, 'utf8').trimEnd().split('\n').length, 5)

  const again = await millrace(['reject', 'replay', runId, '--wait'], place)
  assert.equal(again.exitCode, 1)
  assert.match(again.stderr, new RegExp(`replayed before: by run ${second.runId}`))
  const [third = {}] = lines(await millrace(['reject', 'replay', runId, '--again', '--json'], place))
  assert.ok(String(third.source).endsWith(`orders/replay/${runId}-2.csv`))
})

test('a run without rejected records cannot be replayed, nor can one that is not there', async () => {
  givePipeline('INTEGER')
  const file = path.join(dir, 'sound.csv')
  writeFileSync(file, 'id,amount,note\n1,1,x\n')
  const [run = {}] = lines(await millrace(['drop', file, '--wait', '--json'], place))
  const said = await millrace(['reject', 'replay', String(run.runId)], place)
  assert.equal(said.exitCode, 1)
  assert.match(said.stderr, /has rejected no record/)
  assert.match((await millrace(['reject', 'replay', 'f'.repeat(24)], place)).stderr, /No run f+/)
})
