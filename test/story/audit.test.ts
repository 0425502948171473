/** `millrace audit` on a real stack, as a person and as a script. */
import assert from 'node:assert/strict'
import { utimesSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { openLocalObjects } from '../../local/objects/objects.ts'
import { systemClock } from '../../shared/clock.ts'
import { endAll, millrace, type Place, up } from './command.ts'
import { tempDir, until } from './story.ts'

const content = 'id,name\n1,one\n2,two\n'
const hourMs = 60 * 60 * 1000
const oddKeys = ['people/a b+c%20d.csv', 'people/jürgen ☃.csv', 'people/100%.csv']

let place: Place
let remove: () => void

before(async () => {
  const { dir, remove: removeDir } = tempDir()
  remove = removeDir
  place = { dataDir: path.join(dir, 'data') }
  await up(place)
})

after(async () => {
  await endAll()
  remove()
})

/** Objects that nobody was told of, an hour ago. */
async function writeUnheard(keys: readonly string[]): Promise<void> {
  const dbFile = path.join(place.dataDir, 'objects.db')
  const objects = openLocalObjects({
    dir: path.join(place.dataDir, 'objects'),
    dbFile,
    clock: systemClock,
    announces: () => false,
    announce: async () => {},
  })
  const db = new DatabaseSync(dbFile, { timeout: 30_000 })
  const seconds = Math.floor((systemClock.now() - hourMs) / 1000)
  for (const key of keys) {
    const ref = { bucket: 'drops', key }
    await objects.write(ref, Buffer.from(content))
    utimesSync(objects.pathOf(ref), seconds, seconds)
    db.prepare('UPDATE objects SET mtimeNs = ? WHERE key = ?').run(`${seconds}000000000`, key)
  }
  db.close()
  objects.close()
}

interface Counts {
  [standing: string]: { objects: number; bytes: number }
}

async function audited(...words: string[]): Promise<{
  exitCode: number | null
  lines: { standing: string; key: string; version: string }[]
  counts: Counts
  droppedAnew: number
}> {
  const { exitCode, stdout, stderr } = await millrace(['audit', 'people', '--json', ...words], place)
  assert.equal(stderr, '')
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  return { exitCode, lines: lines.slice(0, -1), ...lines.at(-1) }
}

describe('audit', () => {
  it('finds what was never heard of, drops it anew, and is clean when that is loaded', async () => {
    await writeUnheard(oddKeys)
    const found = await audited()
    assert.equal(found.exitCode, 1)
    assert.deepEqual(
      found.lines.map(({ standing, key }) => [standing, key]).toSorted(),
      oddKeys.map(key => ['missing', key]).toSorted(),
    )
    assert.equal(found.counts.missing?.bytes, oddKeys.length * content.length)

    const text = await millrace(['audit', 'people'], place)
    assert.equal(text.exitCode, 1)
    assert.match(text.stdout, /^missing +3 +\d+ B$/m)
    assert.match(text.stdout, /"people\/a b\+c%20d\.csv"/)
    assert.match(text.stdout, /npx millrace audit people --drop-missing/)

    const dropped = await audited('--drop-missing')
    assert.deepEqual([dropped.exitCode, dropped.droppedAnew], [0, 3])
    const clean = await cleanAudit()
    assert.equal(clean.counts.loaded?.objects, oddKeys.length)
    const runs = await millrace(['runs', '--json'], place)
    assert.equal(runs.stdout.trimEnd().split('\n').length, oddKeys.length)
  })

  it('looks no further back than it is told', async () => {
    await writeUnheard(['people/old.csv'])
    assert.equal((await audited('--since', '30m')).exitCode, 0)
    assert.equal((await audited('--since', '2h')).exitCode, 1)
  })

  it('cannot be of a time or a pipeline that there is not, and says what to write instead', async () => {
    const time = await millrace(['audit', 'people', '--since', 'yesterday'], place)
    assert.equal(time.exitCode, 1)
    assert.match(time.stderr, /--since yesterday is no time\nremedy: Give a date/)
    const pipeline = await millrace(['audit', 'persons'], place)
    assert.equal(pipeline.exitCode, 1)
    assert.match(pipeline.stderr, /No pipeline persons\nremedy: There are: people\./)
  })

  it('teaches', async () => {
    const { exitCode, stdout } = await millrace(['audit', '--help'], place)
    assert.equal(exitCode, 0)
    for (const word of ['--since', '--drop-missing', 'missing', 'Exit code 1'])
      assert.ok(stdout.includes(word), word)
  })
})

function cleanAudit(): ReturnType<typeof audited> {
  return until('a clean audit', async () => {
    const found = await audited()
    return found.exitCode === 0 && found.counts.underWay?.objects === 0 ? found : undefined
  })
}
