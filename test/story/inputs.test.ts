/** Every input, however odd, ends in a published table that another reader agrees with, or in words for a person. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Certificate } from '../../shared/certificate.ts'
import type { RunRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { csvRows, provenCertificate, publishedRows, readRejects, rejectsAt } from './published.ts'
import { type DropOptions, dropped, givenUp, openStory, type Story, told } from './story.ts'

const shared = {
  work: { sql: 'SELECT * FROM input' },
  job: { memoryMiB: 512 },
  notify: { slack: '#files' },
}
const typedColumns = { id: 'INTEGER', name: 'VARCHAR', price: 'DECIMAL(12,2)' }
const pipelines = {
  'csv.ts': { ...shared, name: 'csv', source: { prefix: 'csv/', format: 'csv' }, output: { prefix: 'csv/' } },
  'typed.ts': {
    ...shared,
    name: 'typed',
    source: { prefix: 'typed/', format: 'csv', columns: typedColumns },
    output: { prefix: 'typed/' },
    tolerate: { rejectedRecords: 2 },
  },
  'json.ts': {
    ...shared,
    name: 'json',
    source: { prefix: 'json/', format: 'ndjson', columns: { id: 'BIGINT', text: 'VARCHAR' } },
    work: { sql: 'SELECT id, text FROM input' },
    output: { prefix: 'json/' },
    tolerate: { rejectedRecords: 1 },
  },
  'bare.ts': {
    ...shared,
    name: 'bare',
    source: { prefix: 'bare/', format: 'ndjson' },
    output: { prefix: 'bare/' },
  },
  'lines.ts': {
    ...shared,
    name: 'lines',
    source: { prefix: 'lines/', format: 'lines' },
    output: { prefix: 'lines/' },
  },
}

let story: Story

before(async () => {
  story = await openStory(pipelines)
})

after(async () => {
  try {
    assert.deepEqual(givenUp(story), [], 'no function gave up on any event of these inputs')
  } finally {
    await story.close()
  }
})

interface Taken {
  run: RunRecord
  certificate: Certificate
  rows: unknown[][]
}

/** Drops the file, and holds that it is published with a proof, and that nobody is disturbed. */
async function taken(key: string, content: Buffer | string, options: DropOptions = {}): Promise<Taken> {
  const run = await dropped(story, key, content, options)
  assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
  const place = { dataDir: story.dataDir, certificate: run.certificate ?? '' }
  const certificate = await provenCertificate(place, Buffer.from(content))
  assert.equal(certificate.partitions.length, run.partitions)
  assert.deepEqual(told(story, run.runId), [])
  return { run, certificate, rows: await publishedRows(place) }
}

async function takenAsRead(key: string, content: Buffer | string, options: DropOptions = {}): Promise<Taken> {
  const all = await taken(key, content, options)
  const expected = csvRows(content)
  assert.deepEqual(all.rows, expected)
  const { recordsRead, recordsWritten, recordsRejected } = all.certificate
  assert.deepEqual([recordsRead, recordsWritten, recordsRejected], [expected.length, expected.length, 0])
  return all
}

/** Drops the file, and holds that a person is told once, and why, and what to do; and that nothing is published. */
async function turnedDown(
  key: string,
  content: Buffer | string,
  expected: { state: RunState; code: string; words: RegExp; remedy: RegExp },
  options: DropOptions = {},
): Promise<RunRecord> {
  const run = await dropped(story, key, content, options)
  assert.equal(run.state, expected.state)
  assert.equal(run.failure?.code, expected.code)
  assert.match(run.failure?.words ?? '', expected.words)
  assert.match(run.failure?.remedy ?? '', expected.remedy)
  assert.equal(run.certificate, undefined)
  const messages = told(story, run.runId)
  assert.equal(messages.length, 1)
  assert.match(messages[0]?.text ?? '', new RegExp(`^${run.pipeline}: `))
  assert.deepEqual(filesOf(run), [])
  return run
}

function filesOf(run: RunRecord): string[] {
  const output = path.join(story.dataDir, 'objects', 'output')
  return readdirSync(output, { recursive: true, encoding: 'utf8' }).filter(
    name => name.includes(run.runId) && name.endsWith('.json'),
  )
}

const refused = { state: RunState.REFUSED }
const failed = { state: RunState.FAILED, code: 'BAD_INPUT' }
const threeRecords = 'id,name\n1,one\n2,two\n3,three\n'

describe('A CSV file without records', { concurrency: true }, () => {
  const empty: [string, Buffer | string][] = [
    ['nothing at all', ''],
    ['a byte order mark only', Buffer.from([0xef, 0xbb, 0xbf])],
    ['a header only', 'id,name\n'],
    ['a header without a newline', 'id,name'],
    ['a byte order mark and a header', '\ufeffid,name\r\n'],
    ['blank lines only', '\n\r\n\n'],
  ]
  for (const [what, content] of empty) {
    it(`of ${what} gets an empty certificate`, async () => {
      const { run, certificate, rows } = await taken(`csv/${what}.csv`, content)
      assert.equal(run.partitions, 0)
      assert.deepEqual(rows, [])
      assert.equal(certificate.recordsRead, 0)
      assert.deepEqual(certificate.partitions, [])
    })
  }

  it('of a header and blank lines gets a certificate of no records that covers the blank lines', async () => {
    const content = 'id,name\n\n\r\n\n'
    const { certificate, rows } = await taken('csv/blank behind.csv', content, { partitionBytes: 2 })
    assert.deepEqual(rows, [])
    assert.equal(certificate.recordsRead, 0)
  })
})

describe('A CSV file', { concurrency: true }, () => {
  const sound: [string, Buffer | string][] = [
    ['without a newline at its end', 'id,name\n1,one\n2,two'],
    ['with CRLF', 'id,name\r\n1,one\r\n2,two\r\n'],
    ['with a byte order mark and CRLF', '\ufeffid,name\r\n1,one\r\n2,"t\r\nwo"\r\n'],
    ['with blank lines before, between and behind its records', '\nid,name\n\n1,one\n\r\n\n2,two\n\n'],
    ['with quotes, quoted quotes and quoted newlines', 'id,name\n1,"a ""b"""\n2,"x\ny,z"\n"3",""\n4,\n'],
    ['with a single column', 'name\none\n"two"\n'],
    ['with spaces that belong to the values', 'id,name\n 1 , one \n'],
    ['with a column named in unicode', 'id,größe ✓\n1,ü\n2,日本\n'],
  ]
  for (const [what, content] of sound) {
    it(`${what} is published as another reader reads it, in one partition or in many`, async () => {
      const whole = await takenAsRead(`csv/${what}.csv`, content)
      assert.equal(whole.run.partitions, 1)
      const cut = await takenAsRead(`csv/${what}.cut.csv`, content, { partitionBytes: 6 })
      assert.ok(cut.run.partitions > 1)
    })
  }

  it('of fifty records in partitions of seven bytes is published whole', async () => {
    const records = Array.from({ length: 50 }, (_, id) => `${id},${'x'.repeat(id % 4)}`)
    const { run } = await takenAsRead('csv/seven.csv', `id,name\n${records.join('\n')}\n`, {
      partitionBytes: 7,
    })
    assert.ok(run.partitions >= 30)
  })

  it('with quoted newlines across nearly every cut is published whole', async () => {
    const records = Array.from({ length: 60 }, (_, id) => `${id},"line one of ${id}\nline, two\n""three"""`)
    const content = `id,text\n${records.join('\n')}\n`
    const { run } = await takenAsRead('csv/quoted.csv', content, { partitionBytes: 97 })
    assert.ok(run.partitions >= 20)
  })

  it('with one field of 3 MB, longer than many partitions, is published whole', async () => {
    const lines = Array.from(
      { length: 70_000 },
      (_, at) => `${at}: ""a"", b and more of the same, to and fro`,
    )
    const content = `id,text\n1,before\n2,"${lines.join('\n')}"\n3,behind\n`
    assert.ok(content.length > 3_000_000)
    const { run } = await takenAsRead('csv/giant.csv', content, { partitionBytes: 256 * 1024 })
    assert.ok(run.partitions >= 8)
  })
})

describe('The key of a file', { concurrency: true }, () => {
  const long = `csv/${'ü/'.repeat(20)}${'k'.repeat(1024 - 4 - 60 - 4)}.csv`
  const keys = [
    'csv/a b+c%20d%.csv',
    'csv/ä ö 日本 🎉.csv',
    "csv/it's (1) & 50%.csv",
    'csv/a//b/../c.csv',
    long,
  ]
  for (const key of keys) {
    it(`may be ${key.length > 60 ? `${Buffer.byteLength(key)} bytes long` : key}`, async () => {
      const { certificate } = await takenAsRead(key, threeRecords)
      assert.equal(certificate.source.key, key)
    })
  }

  it('is 1,024 bytes in the longest of these', () => {
    assert.equal(Buffer.byteLength(long), 1024)
  })
})

describe('A header', { concurrency: true }, () => {
  it("in another order than the pipeline's columns is taken, and the file's order kept", async () => {
    const { certificate, rows } = await taken('typed/order.csv', 'price,id,name\n1.50,1,one\n2,2,two\n')
    assert.deepEqual(
      certificate.columns.map(({ name }) => name),
      ['price', 'id', 'name'],
    )
    assert.deepEqual(rows, [
      ['1.50', 1, 'one'],
      ['2.00', 2, 'two'],
    ])
  })

  it('that lacks a column is refused', async () => {
    await turnedDown('typed/lacks.csv', 'id,name\n1,one\n', {
      ...refused,
      code: 'COLUMNS_DIFFER',
      words: /lacks price; it reads id, name/,
      remedy: /source\.columns/,
    })
  })

  it('that has an unknown column is refused', async () => {
    await turnedDown('typed/more.csv', 'id,name,price,colour\n1,one,2,red\n', {
      ...refused,
      code: 'COLUMNS_DIFFER',
      words: /has unknown colour/,
      remedy: /source\.columns/,
    })
  })

  it('that names a column twice is refused, whatever the case', async () => {
    await turnedDown('csv/twice.csv', 'id,name,ID\n1,one,2\n', {
      ...refused,
      code: 'HEADER_AMBIGUOUS',
      words: /id twice/i,
      remedy: /name of its own/,
    })
  })

  it('with a nameless column is refused', async () => {
    await turnedDown('csv/nameless.csv', 'id,,name\n1,2,3\n', {
      ...refused,
      code: 'HEADER_AMBIGUOUS',
      words: /column 2 of the header has no name/,
      remedy: /name of its own/,
    })
  })

  it('with a quote that never closes is refused', async () => {
    await turnedDown('csv/unclosed.csv', `id,"name\n${'1,one\n'.repeat(20_000)}`, {
      ...refused,
      code: 'HEADER_TOO_LONG',
      words: /does not end within the first 65536 bytes/,
      remedy: /unclosed quote/,
    })
  })

  it('in UTF-32 is refused with the command that converts it', async () => {
    await turnedDown('csv/utf32.csv', Buffer.from('fffe000069000000', 'hex'), {
      ...refused,
      code: 'ENCODING_NOT_SUPPORTED',
      words: /UTF-32/,
      remedy: /iconv -f UTF-32 -t UTF-8/,
    })
  })

  it('over more partitions than there may be is refused with the size that would do', async () => {
    const content = `id,name\n${'1,one\n'.repeat(200_000)}`
    const expected = {
      ...refused,
      code: 'TOO_MANY_PARTITIONS',
      words: /at most 1000000/,
      remedy: /at least 2/,
    }
    await turnedDown('csv/crumbs.csv', content, expected, { partitionBytes: 1 })
  })
})

describe('Records that do not fit', { concurrency: true }, () => {
  const bad = ['x,bad id,1', '2,bad price,1.234', '3,too,many,fields', '4,"broken" quote,1', '5,ok,5']

  it('are kept with their place and the reason where they are tolerated', async () => {
    const content = Buffer.from(`id,name,price\n1,önë,1.50\n${bad[0]}\n7,fine,7\n${bad[1]}\n9,last,9\n`)
    const { certificate, rows } = await taken('typed/tolerated.csv', content, { partitionBytes: 20 })
    assert.deepEqual(rows, [
      [1, 'önë', '1.50'],
      [7, 'fine', '7.00'],
      [9, 'last', '9.00'],
    ])
    const { recordsRead, recordsWritten, recordsRejected } = certificate
    assert.deepEqual([recordsRead, recordsWritten, recordsRejected], [5, 3, 2])
    const rejects = rejectsAt(story.dataDir, certificate)
    assert.deepEqual(
      rejects.map(({ raw, column }) => [raw, column]),
      [
        [bad[0], 'id'],
        [bad[1], 'price'],
      ],
    )
    for (const { byteOffset, raw, reason } of rejects) {
      assert.equal(content.subarray(byteOffset, byteOffset + Buffer.byteLength(raw)).toString(), raw)
      assert.match(reason, /does not fit (INTEGER|DECIMAL\(12,2\)) exactly/)
    }
  })

  it('are too many beyond the tolerance: the run fails and says where the first is', async () => {
    const content = Buffer.from(`id,name,price\n1,one,1\n${bad.join('\n')}\n`)
    const run = await turnedDown('typed/intolerable.csv', content, {
      ...failed,
      words:
        /partition 0: .*4 records rejected, 2 tolerated\. The first, at byte 22, in id: The value does not fit INTEGER/,
      remedy: /tolerate\.rejectedRecords/,
    })
    const rejects = readRejects(rejectsFileIn(run))
    assert.deepEqual(
      rejects.map(({ raw }) => raw).toSorted(),
      bad.slice(0, 4).toSorted(),
      'what was rejected is kept although the run failed',
    )
    for (const { byteOffset, raw } of rejects) {
      assert.ok(content.subarray(byteOffset).toString().startsWith(raw))
    }
  })

  it('are too many over the whole run even where each partition has few', async () => {
    const content = `id,name,price\n${['a', 'b', 'c'].map(id => `${id},bad,1\n1,good,1\n`).join('')}`
    await turnedDown(
      'typed/few each.csv',
      content,
      {
        ...failed,
        words: /3 records were rejected, 2 are tolerated/,
        remedy: /millrace reject list .*tolerate/,
      },
      { partitionBytes: 17 },
    )
  })

  it('because a quote never closes fail the run, and name the byte', async () => {
    const content = 'id,name,price\n1,one,1\n2,"two,2\n3,three,3\n'
    await turnedDown('typed/runaway.csv', content, {
      ...failed,
      words: /A quote in the record at byte 22 never closes/,
      remedy: /Correct the file/,
    })
  })

  it('because they are not UTF-8 are rejected, their neighbours are not', async () => {
    const content = Buffer.concat([
      Buffer.from('id,name,price\n1,göö,1\n2,'),
      Buffer.from([0xe9]),
      Buffer.from(',2\n3,good,3\n'),
    ])
    const { certificate, rows } = await taken('typed/latin1.csv', content)
    assert.deepEqual(rows, [
      [1, 'göö', '1.00'],
      [3, 'good', '3.00'],
    ])
    assert.match(rejectsAt(story.dataDir, certificate)[0]?.reason ?? '', /not valid UTF-8/)
  })
})

function rejectsFileIn(run: RunRecord): string {
  const folder = path.join(story.dataDir, 'objects', 'state', 'runs', run.runId, 'rejects')
  const [file, ...more] = readdirSync(folder)
  assert.deepEqual(more, [])
  return path.join(folder, file ?? '')
}

describe('NDJSON', { concurrency: true }, () => {
  it('is published as JSON.parse reads it, in one partition or in many', async () => {
    const objects = [
      { id: 1, text: 'a "quoted", text\nwith a newline' },
      { id: '9007199254740993', text: 'ü 🎉 \\ / \u0001' },
      { text: null, other: [1, { text: 'not this one' }] },
    ]
    const texts = objects.map(object =>
      JSON.stringify(object).replace('"9007199254740993"', '9007199254740993'),
    )
    const content = `\ufeff${texts[0]}\r\n\n${texts[1]}\n${texts[2]}`
    const expected = [
      ['1', objects[0]?.text],
      ['9007199254740993', objects[1]?.text],
      [null, null],
    ]
    assert.deepEqual((await taken('json/whole.json', content)).rows, expected)
    assert.deepEqual((await taken('json/cut.json', content, { partitionBytes: 25 })).rows, expected)
  })

  it('without a record gets an empty certificate', async () => {
    for (const [name, content] of [
      ['nothing', ''],
      ['mark', '\ufeff'],
      ['blank', '\n\n'],
    ]) {
      const { certificate } = await taken(`json/${name}.json`, content ?? '')
      assert.equal(certificate.recordsRead, 0)
    }
  })

  it('of one line of 3 MB, longer than many partitions, is published whole', async () => {
    const text = '0123456789 "abc" \\ ü '.repeat(140_000)
    const content = `${JSON.stringify({ id: 1, text })}\n${JSON.stringify({ id: 2, text: 'behind' })}\n`
    const { run, rows } = await taken('json/giant.json', content, { partitionBytes: 256 * 1024 })
    assert.ok(run.partitions >= 10)
    assert.equal(rows.length, 2)
    assert.ok(rows[0]?.[1] === text, 'the long text is published as it was')
    assert.deepEqual(rows[1], ['2', 'behind'])
  })

  it('with one malformed line is published without it, where one is tolerated', async () => {
    const content = Buffer.from('{"id":1,"text":"ü"}\n{"id":2,"text":\n{"id":3,"text":"c"}\n')
    const { certificate, rows } = await taken('json/malformed.json', content)
    assert.deepEqual(rows, [
      ['1', 'ü'],
      ['3', 'c'],
    ])
    const [reject] = rejectsAt(story.dataDir, certificate)
    assert.equal(reject?.raw, '{"id":2,"text":')
    assert.equal(reject?.byteOffset, content.indexOf(reject?.raw ?? ''))
    assert.match(reject?.reason ?? '', /not valid JSON/)
  })

  it('with more malformed lines than are tolerated fails', async () => {
    await turnedDown('json/too many.json', '{"id":1}\nnot json\n[1]\n{"id":3.7}\n', {
      ...failed,
      words: /3 records rejected, 1 tolerated\. The first, at byte 9: The line is not valid JSON/,
      remedy: /tolerate\.rejectedRecords/,
    })
  })

  it('whose pipeline names no columns is published as whole objects', async () => {
    const texts = ['{"a": 1.50, "b": [true, null]}', '{"c": "ü"}']
    const { rows } = await taken('bare/objects.json', `${texts.join('\n')}\n`, { partitionBytes: 12 })
    assert.deepEqual(
      rows,
      texts.map(text => [text]),
    )
  })
})

describe('Lines', { concurrency: true }, () => {
  it('are published one by one, blank ones too, in one partition or in many', async () => {
    const lines = ['one', '', 'a, "b" \\', ' ü\t', '', 'last']
    const content = lines.join('\n').replace('one\n', 'one\r\n')
    const expected = lines.map(line => [line])
    assert.deepEqual((await taken('lines/whole.txt', content)).rows, expected)
    assert.deepEqual((await taken('lines/cut.txt', content, { partitionBytes: 6 })).rows, expected)
  })

  it('that there are none of get an empty certificate', async () => {
    assert.deepEqual((await taken('lines/none.txt', '')).certificate.partitions, [])
  })

  it('in UTF-16 are published as what they say', async () => {
    const { rows } = await taken('lines/utf16.txt', Buffer.from('\ufeffone\ntwö\n', 'utf16le'))
    assert.deepEqual(rows, [['one'], ['twö']])
  })
})
