/** From a file nobody has described to a pipeline that takes it. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { lookAtFile } from '../../cli/look.ts'
import { loadPipelines } from '../../local/pipelines.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { planRun } from '../../shared/plan.ts'
import { millrace, type Said } from './command.ts'
import { tempDir } from './story.ts'

let dir: string
let remove: () => void

before(() => {
  ;({ dir, remove } = tempDir())
})
after(() => remove())

function file(name: string, content: string | Buffer): string {
  const whole = path.join(dir, name)
  mkdirSync(path.dirname(whole), { recursive: true })
  writeFileSync(whole, content)
  return whole
}

/** In a folder of pipelines of its own. */
function run(folder: string, ...words: string[]): Promise<Said> {
  return millrace(words, { dataDir: path.join(dir, 'data'), pipelinesDir: path.join(dir, folder), cwd: dir })
}

async function written(folder: string, ...samples: string[]): Promise<Record<string, unknown>> {
  const said = await run(folder, 'init', ...samples, '--json')
  assert.equal(said.exitCode, 0, said.stderr)
  const answer = JSON.parse(said.stdout) as { file: string; pipeline: { name: string; source: object } }
  assert.ok(existsSync(answer.file))
  const [loaded] = await loadPipelines(path.join(dir, folder))
  assert.ok(loaded)
  assert.equal(loaded.name, answer.pipeline.name)
  for (const sample of samples) {
    const planned = await planRun('a'.repeat(24), loaded, lookAtFile(sample, `${loaded.source.prefix}sample`))
    assert.ok(!isRefusal(planned), JSON.stringify(planned))
  }
  return answer.pipeline.source as Record<string, unknown>
}

const log =
  '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326 "http://x/" "Mozilla/4.08"\n'

describe('A pipeline for a sample', { concurrency: 2 }, () => {
  const samples: [what: string, content: string | Buffer, source: object][] = [
    [
      'CSV of semicolons',
      'id;zip;paid;größe\n1;00501;2.50;x\n2;10115;17;\n',
      {
        format: 'csv',
        header: true,
        delimiter: ';',
        columns: { id: 'INTEGER', zip: 'VARCHAR', paid: 'DECIMAL(18,2)', größe: 'VARCHAR' },
      },
    ],
    [
      'CSV without a header',
      '1,2024-01-31\n2,2024-02-01\n',
      { format: 'csv', header: false, delimiter: ',', columns: { column1: 'INTEGER', column2: 'DATE' } },
    ],
    [
      'gzip of NDJSON',
      gzipSync('{"a":1,"at":"2024-01-31T10:00:00Z"}\n{"a":2.5,"it\'s":[1]}\n'),
      { format: 'ndjson', columns: { a: 'DECIMAL(18,1)', at: 'TIMESTAMPTZ', "it's": 'JSON' } },
    ],
    [
      'a JSON document with its records inside',
      '{\n "count": 2,\n "data": {"items": [{"id": 1}, {"id": 2}]}\n}\n',
      { format: 'json', path: 'data.items', columns: { id: 'INTEGER' } },
    ],
    ['an access log', log.repeat(3), { format: 'lines', preset: 'apache-combined' }],
    ['prose', 'It was a dark, stormy night,\nand nobody was out.\nNobody.\n', { format: 'lines' }],
    [
      'latin-1',
      Buffer.from('name\tn\nMüller\t1\n', 'latin1'),
      {
        format: 'csv',
        header: true,
        delimiter: '\t',
        columns: { name: 'VARCHAR', n: 'INTEGER' },
        encoding: 'windows-1252',
      },
    ],
  ]
  for (const [what, content, expected] of samples) {
    it(`of ${what} loads, and takes the sample`, async () => {
      const folder = what.replaceAll(/\W/g, '-')
      const { prefix, ...source } = await written(folder, file(`${folder}.bin`, content))
      assert.equal(typeof prefix, 'string')
      assert.deepEqual(source, expected)
    })
  }

  it('has the types that take the values of all samples', async () => {
    const samples = [file('two/a.csv', 'id,n\n1,2\n'), file('two/b.csv', 'id,n\n3000000000,x\n')]
    const { columns } = await written('two-pipelines', ...samples)
    assert.deepEqual(columns, { id: 'BIGINT', n: 'VARCHAR' })
  })

  it('says in comments what is to be reviewed', async () => {
    const content = `id,empty,mostly\n${'1,,2\n'.repeat(20)}1,,N/A\n`
    const said = await run('comments', 'init', file('comments.csv', content), '--stdout')
    assert.match(said.stdout, /empty: 'VARCHAR', \/\/ no value was seen/)
    assert.match(said.stdout, /mostly: 'VARCHAR', \/\/ INTEGER but for 1 of 21: "N\/A"/)
    const commas = await run(
      'comments',
      'init',
      file('commas.csv', 'paid;on\n1.234,50;31.12.2026\n7,00;1.2.2027\n'),
      '--stdout',
    )
    assert.match(commas.stdout, /paid: 'VARCHAR', \/\/ numbers with a decimal comma: replace/)
    assert.match(commas.stdout, /on: 'VARCHAR', \/\/ days: strptime/)
    assert.match(said.stdout, /comments\.csv \(21 records looked at\)/)
    assert.ok(!existsSync(path.join(dir, 'comments')), 'with --stdout nothing is written')
  })
})

describe('No pipeline', () => {
  it('is written over another one', async () => {
    const sample = file('again.csv', 'id,name\n1,a\n')
    assert.equal((await run('again', 'init', sample)).exitCode, 0)
    const before = readFileSync(path.join(dir, 'again', 'again.ts'), 'utf8')
    const said = await run('again', 'init', sample)
    assert.equal(said.exitCode, 1)
    assert.match(said.stderr, /again is there already|there already; nothing was written/)
    assert.equal(readFileSync(path.join(dir, 'again', 'again.ts'), 'utf8'), before)
    assert.equal((await run('again', 'init', sample, '--name', 'other')).exitCode, 0)
    assert.deepEqual(readdirSync(path.join(dir, 'again')), ['again.ts', 'other.ts'])
  })

  it('is written for samples that differ; each difference is told', async () => {
    const samples = [file('one.csv', 'id,name\n1,a\n'), file('other.csv', 'id;age\n1;2\n')]
    const said = await run('differ', 'init', ...samples)
    assert.equal(said.exitCode, 1)
    assert.match(said.stderr, /other\.csv: delimiter is ";", not ","/)
    assert.match(said.stderr, /other\.csv: it lacks the column name/)
    assert.ok(!existsSync(path.join(dir, 'differ')))
  })

  it('is written for a sample that can be read in two ways', async () => {
    const said = await run('unclear', 'init', file('unclear.csv', 'a;b,c\n1;2,3\n'))
    assert.equal(said.exitCode, 1)
    assert.match(said.stderr, /DIALECT_UNCLEAR[\s\S]*remedy/)
  })
})

describe('plan', () => {
  it('tells what was found in the file from what the pipeline says', async () => {
    await written('told', file('told.csv', 'id;name\n1;a\n'))
    const said = await run('told', 'plan', file('told2.csv', Buffer.from('\ufeffid;name\n2;b\n', 'utf16le')))
    assert.match(said.stdout, /encoding +utf-16le \(sniffed\)/)
    assert.match(said.stdout, /delimiter +";"\n/)
    assert.match(said.stdout, /quote +" \(sniffed\)/)
    assert.match(said.stdout, /header +the first record names the columns\n/)
    const json = await run('told', 'plan', file('told3.csv', 'id;name\n2;b\n'), '--json')
    const { layout, sniffed } = JSON.parse(json.stdout) as { layout: { encoding: string }; sniffed: string[] }
    assert.equal(layout.encoding, 'utf-8')
    assert.ok(sniffed.includes('encoding') && !sniffed.includes('delimiter'))
  })
})
