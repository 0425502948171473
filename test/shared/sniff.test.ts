/** What planning finds in the head of a file, and where it would rather ask. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import type { Encoding } from '../../shared/layout.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { planText, type TextPlan } from '../../shared/plan/text.ts'
import { headBytesMax } from '../../shared/plan.ts'
import { pipelineOf } from './given.ts'

function sniff(content: Buffer | string, more: object = {}): TextPlan | string {
  const bytes = Buffer.from(content)
  const pipeline = pipelineOf({ source: { prefix: 'in/', format: 'csv', ...more } })
  const plan = planText(pipeline, {
    bytes: bytes.subarray(0, headBytesMax),
    whole: bytes.length <= headBytesMax,
  })
  return isRefusal(plan) ? plan.code : plan
}

function sniffed(content: Buffer | string, more: object = {}): TextPlan {
  const plan = sniff(content, more)
  return typeof plan === 'string' ? assert.fail(`refused as ${plan}`) : plan
}

/** Of delimiter, quote, escape, comment: what is not the default. */
function dialectOf(content: string, more: object = {}): unknown {
  const plan = sniff(content, more)
  if (typeof plan === 'string') return plan
  const { delimiter, quote, ...rest } = plan.layout.csv ?? assert.fail('no dialect')
  return { ...(delimiter === ',' ? {} : { delimiter }), ...(quote === '"' ? {} : { quote }), ...rest }
}

describe('the dialect of a CSV', () => {
  const clear: [what: string, head: string, dialect: object, more?: object][] = [
    ['commas', 'id,name\n1,a\n', {}],
    ['semicolons', 'id;name\n1;a\n2;b\n', { delimiter: ';' }],
    ['semicolons and decimal commas', 'id;price\n1;1,5\n2;2,5\n', { delimiter: ';' }],
    ['tabs', 'id\tname, first\n1\ta\n', { delimiter: '\t' }],
    ['bars', 'id|name\n1|a;b\n', { delimiter: '|' }],
    ['two bars', 'id||name||age\n1||a||2\n', { delimiter: '||' }],
    ['^A', 'id\x01name\n1\x01a\n', { delimiter: '\x01' }],
    ['carets', 'id^name\n1^a\n', { delimiter: '^' }],
    ['tildes', 'id~name\n1~a\n', { delimiter: '~' }],
    ['colons', 'id:name\n1:a\n2:b\n', { delimiter: ':' }],
    ['spaces', 'id name\n1 a\n2 b\n', { delimiter: ' ' }],
    ['commas, with times', 'at,name\n10:00:00,a b\n11:00:00,c d\n', {}],
    ['single quotes', "id;name\n1;'a; b'\n2;'c''d'\n", { delimiter: ';', quote: "'" }],
    ['single quotes and commas', "id,name\n1,'a, b'\n2,'c'\n", { quote: "'" }],
    ['apostrophes', "id,name\n1,O'Brien\n2,it's\n", {}],
    ['backslashes before quotes', 'id,name\n1,"a \\" b"\n2,c\n', { escape: '\\' }],
    ['backslashes before delimiters', 'id\tname\n1\ta\\\tb\n2\tc\n', { delimiter: '\t', escape: '\\' }],
    ['backslashes that are text', 'id,path\n1,"C:\\dir\\"\n2,"D:\\"\n', {}],
    ['quoted newlines and delimiters', 'id,name\n1,"a;b\n,""c"""\n2,"d;"\n', {}],
    ['comments before the header', '# made by hand\n#\nid;name\n1;a\n', { delimiter: ';', comment: '#' }],
    ['a name that begins with #', '#id,name\n1,a\n', {}],
    ['tags that begin with #', 'tag,n\n#a,1\n#b,2\n', {}],
    ['a single column', 'name\nAnn Lee\nBob\n', {}],
    ['a single column of times', 'at\n2024-01-01 10:00:00\n2024-01-01 11:00:00\n', {}],
    [
      'one column that is declared',
      'full name\nAnn Lee\nBob Roe\n',
      {},
      { columns: { 'full name': 'VARCHAR' } },
    ],
    ['nothing but a header', 'id;name', { delimiter: ';' }],
    ['a broken record among many', `id;name\n${'1;a\n'.repeat(9)}2;b;c\n`, { delimiter: ';' }],
    ['a broken quote', 'id,name\n1,"a"b\n2,c\n', {}],
    ['a quote that never closes', 'id,name\n1,one\n2,"two\n3,three\n', {}],
    ['inches', `id\tsize\n${'1\t5" pipe\n'.repeat(12)}`, { delimiter: '\t', quote: '' }],
    [
      'declared columns that speak for it',
      'a;b,c\n1;2,3\n',
      { delimiter: ';' },
      { columns: { a: 'INTEGER', 'b,c': 'VARCHAR' } },
    ],
    [
      'as many fields as are declared',
      '1;5,2,7\n3;4,5,6\n',
      { delimiter: ';' },
      { header: false, columns: { a: 'INTEGER', b: 'VARCHAR' } },
    ],
  ]
  for (const [what, head, dialect, more] of clear) {
    test(`is seen from ${what}`, () => assert.deepEqual(dialectOf(head, more), dialect))
  }

  const unclear: [what: string, head: string][] = [
    ['commas and semicolons alike', 'a;b,c\n1;2,3\n'],
    ['decimal commas without a header', '1,5;2,5\n3,5;4,5\n'],
    ['semicolons and bars alike', 'a;b|c\nd;e|f\n'],
    ['two words in every line', 'full name\nAnn Lee\nBob Roe\n'],
    ['single quotes that nothing needs', "id,name\n1,'a'\n2,'b'\n"],
    ['a comment that could be a header', '# id, name\nid,name\n1,a\n'],
    ['semicolons in half of the lines', 'id;name\n1;a\n2;b;c\n3\n'],
  ]
  for (const [what, head] of unclear) {
    test(`cannot be told from ${what}`, () => assert.equal(dialectOf(head), 'DIALECT_UNCLEAR'))
  }

  test('is what the pipeline says, whatever the head looks like', () => {
    assert.deepEqual(dialectOf('a;b,c\n1;2,3\n', { delimiter: ';' }), { delimiter: ';' })
    assert.deepEqual(dialectOf("id,name\n1,'a'\n", { delimiter: ',', quote: '"' }), {})
    const all = { delimiter: '|', quote: "'", escape: '\\', comment: '%' }
    assert.deepEqual(dialectOf('id,name\n1,a\n', all), {
      delimiter: '|',
      quote: "'",
      escape: '\\',
      comment: '%',
    })
  })

  test('that cannot be told is refused with both readings and the settings for each', () => {
    const plan = planText(pipelineOf({ source: { prefix: 'in/', format: 'csv' } }), {
      bytes: Buffer.from('a;b|c\nd;e|f\n'),
      whole: true,
    })
    assert.ok(isRefusal(plan))
    assert.match(plan.words, /2 columns \(delimiter ";", quote "\); or 2 columns \(delimiter "\|", quote "\)/)
    assert.match(plan.remedy, /source\.delimiter ";".*, or source\.delimiter "\|"/)
  })
})

/**
 * Tables as a program would write them: a field is quoted where its text calls for it. Double quotes are never text
 * where others are the quotes: what can be read as the default is.
 */
const tables = fc
  .record({
    delimiter: fc.constantFrom(',', '\t', ';', '|', '^', '~', '\x01', '||'),
    quote: fc.constantFrom('"', '"', '"', "'"),
    newline: fc.constantFrom('\n', '\r\n'),
    columns: fc.integer({ min: 2, max: 6 }),
  })
  .chain(({ columns, ...dialect }) =>
    fc.record({
      dialect: fc.constant(dialect),
      rows: fc.array(fc.array(cellOf(dialect.quote), { minLength: columns, maxLength: columns }), {
        minLength: 3,
        maxLength: 40,
      }),
    }),
  )

function cellOf(quote: string): fc.Arbitrary<string> {
  const odd = fc.stringMatching(/^[a-c,;|"'^~\t\n :#\\]{0,8}$/)
  return fc.oneof(
    { weight: 4, arbitrary: fc.stringMatching(/^[a-z]{1,6}( [a-z]{1,6})?$/) },
    { weight: 2, arbitrary: fc.integer().map(String) },
    { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
    { weight: 1, arbitrary: quote === '"' ? odd : odd.map(text => text.replaceAll('"', '')) },
  )
}

describe('a table of any dialect', () => {
  test('is read back as it was written, or refused; and seldom refused', () => {
    let refused = 0
    let all = 0
    fc.assert(
      fc.property(tables, ({ dialect: { delimiter, quote, newline }, rows }) => {
        const header = rows[0]?.map((_, at) => `${'abcdef'[at]}name`) ?? []
        const written = (text: string): string =>
          text === '' || [...delimiter, quote, '\r', '\n'].some(each => text.includes(each))
            ? `${quote}${text.replaceAll(quote, quote + quote)}${quote}`
            : text
        const content = [header, ...rows].map(row => row.map(written).join(delimiter) + newline).join('')
        const plan = sniff(content)
        all++
        if (typeof plan === 'string') {
          refused++
          assert.equal(plan, 'DIALECT_UNCLEAR', JSON.stringify(content))
          return
        }
        assert.deepEqual(namesOf(plan), header, JSON.stringify(content))
        assert.deepEqual(csvRows(content, plan), rows, JSON.stringify(content))
      }),
      { seed: 7, numRuns: 300 },
    )
    assert.ok(refused < all / 10, `${refused} of ${all} refused`)
  })
})

/** As an independent reader takes it, in the dialect that was found. */
function csvRows(content: string, { layout }: TextPlan): string[][] {
  const { delimiter, quote, escape: by, comment } = layout.csv ?? assert.fail('no dialect')
  const options = {
    delimiter,
    quote: quote === '' ? null : quote,
    escape: by ?? quote,
    comment: comment ?? null,
  }
  const rest = Buffer.from(content).subarray(layout.skipBytes)
  return parse(rest, { ...options, skip_empty_lines: true, record_delimiter: ['\r\n', '\n'] })
}

function inEncoding(text: string, encoding: Encoding): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text)
  if (encoding === 'utf-16le') return Buffer.from(text, 'utf16le')
  if (encoding === 'utf-16be') return Buffer.from(text, 'utf16le').swap16()
  return Buffer.from(text, 'latin1')
}

const found = (plan: TextPlan) => [plan.layout.encoding, plan.layout.skipBytes]

describe('the encoding of a text', () => {
  const text = 'id,größe\n1,ä\n2,öl\n'
  for (const encoding of ['utf-8', 'utf-16le', 'utf-16be'] as const) {
    test(`is seen from the byte order mark of ${encoding}, which is no part of the header`, () => {
      const plan = sniffed(inEncoding(`\ufeff${text}`, encoding))
      assert.deepEqual(namesOf(plan), ['id', 'größe'])
      assert.deepEqual(found(plan), [encoding, inEncoding('\ufeffid,größe\n', encoding).length])
    })

    test(`is seen to be ${encoding} without one`, () => {
      assert.deepEqual(found(sniffed(inEncoding(text, encoding))), [
        encoding,
        inEncoding('id,größe\n', encoding).length,
      ])
    })
  }

  test('is windows-1252 where the bytes are no UTF-8', () => {
    const plan = sniffed(inEncoding(text, 'windows-1252'))
    assert.deepEqual([...found(plan), ...namesOf(plan)], ['windows-1252', 9, 'id', 'größe'])
  })

  test('is latin-1 where one byte in very many is no character of windows-1252', () => {
    const plan = sniffed(inEncoding(`id,name\n${'1,ä\n'.repeat(30)}2,\x81\n`, 'latin-1'))
    assert.equal(plan.layout.encoding, 'latin-1')
  })

  test('stays UTF-8 where few bytes among its characters are broken: those records are rejected', () => {
    const broken = Buffer.concat([Buffer.from(text.repeat(3)), Buffer.from([0xe9, 0x0a])])
    assert.equal(sniffed(broken).layout.encoding, 'utf-8')
  })

  test('is UTF-8 though the head ends within a character', () => {
    const head = Buffer.from(`id,name\n${'1,ä\n'.repeat(20_000)}`)
    for (const shift of [0, 1, 2]) {
      assert.equal(sniffed(Buffer.concat([Buffer.from('x'.repeat(shift)), head])).layout.encoding, 'utf-8')
    }
  })

  for (const [what, bytes] of [
    ['Cyrillic in windows-1251', Buffer.from('cff0e8e2e5f22c20ece8f00a', 'hex')],
    ['Japanese in Shift_JIS', Buffer.from('93fa967b8cea2c8365834c83580a', 'hex')],
    ['as much sound as broken UTF-8', Buffer.from('c3a42ce90a', 'hex')],
  ] as const) {
    test(`cannot be told from ${what}`, () => assert.equal(sniff(bytes), 'ENCODING_UNCLEAR'))
    test(`is what the pipeline says of ${what}`, () => {
      assert.equal(sniffed(bytes, { encoding: 'latin-1' }).layout.encoding, 'latin-1')
    })
  }

  test('cannot be another than its mark says, and not UTF-32', () => {
    assert.equal(sniff('\ufeffid,name\n', { encoding: 'latin-1' }), 'ENCODING_DIFFERS')
    assert.equal(sniff(Buffer.from('fffe000069000000', 'hex')), 'ENCODING_NOT_SUPPORTED')
  })

  test('is not taken for UTF-16 for a zero or two', () => {
    assert.equal(sniffed('id,name\n1,a\0b\n2,c\n').layout.encoding, 'utf-8')
    assert.equal(sniffed('"a\n\0\n"\n').layout.encoding, 'utf-8')
  })

  test('is UTF-16 also where few of its characters are ASCII', () => {
    const text = `名前,住所\n${'上海上海上,北京北京\n'.repeat(20)}`
    for (const encoding of ['utf-16le', 'utf-16be'] as const) {
      assert.equal(sniffed(inEncoding(text, encoding)).layout.encoding, encoding)
    }
  })
})

function namesOf({ layout, columns }: TextPlan): string[] {
  return layout.fields ?? columns.map(({ name }) => name)
}

describe('the header of a CSV', () => {
  const typed = { columns: { id: 'INTEGER', name: 'VARCHAR' } }
  const untyped = { columns: { a: 'VARCHAR', b: 'VARCHAR' } }
  const cases: [what: string, head: string, more: object, expected: boolean | string][] = [
    ['is there where it names a declared column', 'name,id\na,1\n', typed, true],
    ['is not there where the first record fits the types', '1,a\n2,b\n', typed, false],
    [
      'is taken to be there where the first record does not fit: its drift is told',
      'x,y\n1,a\n',
      typed,
      'COLUMNS_DIFFER',
    ],
    ['is taken to be there where nothing but text is declared', 'x,y\nz,w\n', untyped, 'COLUMNS_DIFFER'],
    ['that differs in case is a header, and refused', 'ID,name\n1,a\n', typed, 'COLUMNS_DIFFER'],
    ['is there where nothing is declared', 'x,y\n1,a\n', {}, true],
    ['may name years, above words', 'country,1990\nUS,many\n', {}, true],
    ['cannot be told from numbers above numbers', 'US,5\nDE,6\n', {}, 'HEADER_UNCLEAR'],
    ['cannot be told from a date above nothing', 'x,2024-01-01\n', {}, 'HEADER_UNCLEAR'],
    ['is there where the pipeline says so', 'US,5\nDE,6\n', { header: true }, true],
    ['is not there where the pipeline says so', 'id,name\n', { ...untyped, header: false }, false],
    ['cannot be done without by nobody', '1,a\n', { header: false }, 'COLUMNS_UNKNOWN'],
    [
      'that is not there cannot make up for a field too many',
      '1,a,x\n',
      { ...typed, header: false },
      'COLUMNS_DIFFER',
    ],
  ]
  for (const [what, head, more, expected] of cases) {
    test(what, () => {
      const plan = sniff(head, more)
      assert.equal(typeof plan === 'string' ? plan : plan.layout.header, expected)
    })
  }

  test('that is not there costs no record', () => assert.equal(sniffed('1,a\n', typed).layout.skipBytes, 0))

  test('drifts by the rule of the pipeline, and the plan tells', () => {
    const head = 'name,age,id\na,1,2\n'
    assert.equal(sniff(head, typed), 'COLUMNS_DIFFER')
    const wide = sniffed(head, { ...typed, drift: 'widen' })
    assert.deepEqual(
      wide.columns.map(({ name, type }) => `${name} ${type}`),
      ['name VARCHAR', 'age VARCHAR', 'id INTEGER'],
    )
    const narrow = sniffed(head, { ...typed, drift: 'ignore' })
    assert.deepEqual(
      narrow.columns.map(({ name }) => name),
      ['name', 'id'],
    )
    assert.deepEqual(narrow.layout.fields, ['name', 'age', 'id'])
    assert.deepEqual(narrow.layout.drift, { unknown: ['age'], lacking: [] })
  })
})

describe('fields of NDJSON that no column names', () => {
  const records = '{"id":1,"a":1}\n{"id":2,"b":{},"A":3}\nno json\n'
  const source = { format: 'ndjson', columns: { id: 'INTEGER', gone: 'DATE' } }

  test('are left in the whole record, where nothing else is said', () => {
    assert.deepEqual(namesOf(sniffed(records, source)), ['id', 'gone'])
  })

  test('become JSON columns under widen, one of each name whatever its case', () => {
    const plan = sniffed(records, { ...source, drift: 'widen' })
    assert.deepEqual(
      plan.columns.map(({ name, type }) => `${name} ${type}`),
      ['id INTEGER', 'gone DATE', 'a JSON', 'b JSON'],
    )
  })

  test('are refused under fail; fields that are lacking are not', () => {
    assert.equal(sniff(records, { ...source, drift: 'fail' }), 'COLUMNS_DIFFER')
    assert.deepEqual(namesOf(sniffed('{"id":1}\n', { ...source, drift: 'fail' })), ['id', 'gone'])
  })
})

describe('files that others wrote', () => {
  const folder = new URL('../../node_modules/vega-datasets/data/', import.meta.url)
  const files = readdirSync(folder).filter(name => /\.[ct]sv$/.test(name))

  test(`are all read as another reader reads them: ${files.length} of them`, () => {
    assert.ok(files.length > 20)
    for (const name of files) {
      const content = readFileSync(new URL(name, folder))
      const plan = sniffed(content)
      const delimiter = name.endsWith('.tsv') ? '\t' : ','
      const [header] = parse(content.subarray(0, 4000), { delimiter, to: 1, bom: true })
      assert.deepEqual([plan.layout.csv, plan.layout.header], [{ delimiter, quote: '"' }, true], name)
      assert.deepEqual(namesOf(plan), header, name)
    }
  })
})
