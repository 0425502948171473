/** A pipeline on a schedule on a real stack, as a person and as a script. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { endAll, millrace, type Place, up } from './command.ts'
import { tempDir } from './story.ts'

let place: Place
let dir: string
let remove: () => void

before(async () => {
  const made = tempDir()
  dir = made.dir
  remove = made.remove
  place = {
    dataDir: path.join(dir, 'data'),
    pipelinesDir: path.join(import.meta.dirname, 'scheduled/pipelines'),
  }
  await up(place)
})

after(async () => {
  await endAll()
  remove()
})

function fileOf(name: string): string {
  const file = path.join(dir, name)
  writeFileSync(file, `${name}\n`)
  return file
}

async function json<Answer>(...words: string[]): Promise<Answer> {
  const { exitCode, stdout, stderr } = await millrace([...words, '--json'], place)
  assert.equal(exitCode, 0, stderr)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Answer
}

describe('a pipeline on a schedule', () => {
  it('lets what is dropped wait, and says till when', async () => {
    const files = [fileOf('a.txt'), fileOf('b.txt')]
    const { exitCode, stdout } = await millrace(['drop', ...files, '--pipeline', 'nightly', '--wait'], place)
    assert.equal(exitCode, 0)
    assert.match(stdout, /waits {3}for the schedule of nightly, .* next \d{4}-01-01T01:00Z/)
    assert.match(stdout, /npx millrace tick nightly/)
    const { counts } = await json<{ counts: Record<string, { objects: number }> }>('audit', 'nightly')
    assert.deepEqual([counts.underWay?.objects, counts.missing?.objects], [2, 0])
  })

  it('counts what a tick would take, without taking it', async () => {
    const counted = await json<{ objects: number; next: string[] }>('tick', 'nightly', '--dry-run')
    assert.equal(counted.objects, 2)
    assert.equal(counted.next.length, 3)
    const { stdout } = await millrace(['runs', '--json'], place)
    assert.ok(!stdout.includes('_ticks/'))
  })

  it('takes all of it as one run at a tick', async () => {
    interface Report {
      status: string
      source: string
      objects: { count: number }
    }
    const run = await json<Report>('tick', 'nightly', '--wait')
    assert.equal(run.status, 'SUCCEEDED')
    assert.match(run.source, /^s3:\/\/drops\/_ticks\/nightly\/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal(run.objects.count, 2)
  })

  it('cannot take it once more: with nothing new there is no run', async () => {
    const { exitCode, stdout } = await millrace(['tick', 'nightly', '--wait'], place)
    assert.equal(exitCode, 0)
    assert.match(stdout, /nothing: no run/)
  })
})

it('a pipeline without a schedule cannot be ticked', async () => {
  const { exitCode, stderr } = await millrace(['tick', 'at-once'], place)
  assert.equal(exitCode, 1)
  assert.match(stderr, /at-once has no schedule[\s\S]*remedy: /)
})
