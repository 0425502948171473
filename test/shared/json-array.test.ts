/** The array of a JSON document as lines, held against JSON.parse. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isError } from '../../shared/errors.ts'
import { JsonArray } from '../../shared/json/array.ts'

/** In chunks of so many bytes. */
function rewritten(content: Buffer, path?: string, chunkBytes = content.length || 1): Buffer {
  const array = new JsonArray(path)
  const parts: Buffer[] = []
  for (let at = 0; at < content.length; at += chunkBytes) {
    parts.push(array.rewrite(content.subarray(at, at + chunkBytes)))
  }
  array.end()
  return Buffer.concat(parts)
}

const linesIn = (bytes: Buffer): string[] =>
  bytes
    .toString()
    .split('\n')
    .filter(line => line !== '')

function refusalOf(text: string | Buffer, path?: string): { code: string | undefined; words: string } {
  try {
    rewritten(Buffer.from(text), path)
  } catch (error) {
    if (!isError(error, 'BAD_INPUT')) throw error
    assert.notEqual(error.remedy ?? '', '')
    return { code: error.refusal, words: error.message }
  }
  return assert.fail(`${text} is taken`)
}

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 })
const value = fc.oneof(fc.json({ maxDepth: 3 }), fc.json({ maxDepth: 3, noUnicodeString: false }))
/** An array of values with spaces around every one, some of them laid out over many lines. */
const arrayText = fc
  .array(fc.tuple(space, value, fc.constantFrom(0, 2), space), { maxLength: 6 })
  .map(all =>
    all.map(([left, one, indent, right]) => left + JSON.stringify(JSON.parse(one), null, indent) + right),
  )
  .chain(elements => space.map(inner => `[${elements.length === 0 ? inner : elements.join(',')}]`))
const chunkBytes = fc.integer({ min: 1, max: 20 })

describe('the array of a JSON document', () => {
  test('gives its elements as lines, each at its own place, however it is laid out and wherever chunks end', () => {
    const property = fc.property(space, arrayText, space, chunkBytes, (before, array, after, bytes) => {
      const content = Buffer.from(before + array + after)
      const lines = rewritten(content, undefined, bytes)
      assert.equal(lines.length, content.length)
      const elements = linesIn(lines).map(line => {
        const at = lines.indexOf(line)
        assert.deepEqual(
          JSON.parse(content.subarray(at, at + Buffer.byteLength(line)).toString()),
          JSON.parse(line),
        )
        return JSON.parse(line) as unknown
      })
      assert.deepEqual(elements, JSON.parse(array))
    })
    fc.assert(property, { seed: 20261121, numRuns: 2000 })
  })

  test('is found under a path, whatever stands beside it', () => {
    const key = fc.string({ maxLength: 4 }).filter(name => name !== 'data' && name !== 'it"ems')
    const property = fc.property(arrayText, value, key, chunkBytes, (array, other, name, bytes) => {
      const beside = `${JSON.stringify(name)}: ${other}`
      const text = `{${beside}, "d\\u0061ta": {"it\\"ems": ${array}, ${beside}}, "x": ${other}}`
      const lines = linesIn(rewritten(Buffer.from(text), 'data.it"ems', bytes))
      assert.deepEqual(
        lines.map(line => JSON.parse(line)),
        JSON.parse(array),
      )
    })
    fc.assert(property, { seed: 20261122, numRuns: 1000 })
  })

  test('that JSON.parse refuses is refused, or the record that is wrong is; chunks change nothing', () => {
    const edit = fc.tuple(fc.nat(), fc.constantFrom('', ...'[]{},:"\\ \n0a'), fc.nat({ max: 1 }))
    const property = fc.property(arrayText, edit, chunkBytes, (array, [where, put, cut], bytes) => {
      const at = where % (array.length + 1)
      // As it is read: half a surrogate pair is no UTF-8.
      const text = Buffer.from(array.slice(0, at) + put + array.slice(at + cut)).toString()
      const answer = (size?: number): unknown[] | string | undefined => {
        try {
          return linesIn(rewritten(Buffer.from(text), undefined, size)).map(line => JSON.parse(line))
        } catch (error) {
          return isError(error, 'BAD_INPUT') ? error.message : undefined
        }
      }
      const [whole, inChunks] = [answer(), answer(bytes)]
      assert.deepEqual(inChunks, whole)
      if (text !== '') assert.deepEqual(Array.isArray(whole) ? whole : undefined, parsed(text))
    })
    fc.assert(property, { seed: 20261123, numRuns: 4000 })
  })

  test('may begin with a byte order mark, be empty, and hold what is no object', () => {
    assert.deepEqual(linesIn(rewritten(Buffer.from('\ufeff[1, "a" ,null]'))), ['1', '"a"', 'null'])
    assert.deepEqual(linesIn(rewritten(Buffer.from(' [ ] '))), [])
    assert.deepEqual(linesIn(rewritten(Buffer.alloc(0))), [])
  })
})

/** `undefined` where it is no array in valid JSON. */
function parsed(text: string): unknown {
  try {
    const found: unknown = JSON.parse(text)
    return Array.isArray(found) ? found : undefined
  } catch {
    return undefined
  }
}

describe('a JSON document is refused', () => {
  for (const [what, text, path, code, words] of [
    ['that is an object', ' {"a":1}', undefined, 'JSON_NOT_ARRAY', /byte 1 \(line 1\): an object stands/],
    ['that is a number', '12', undefined, 'JSON_NOT_ARRAY', /a number/],
    ['whose path leads to a string', '{"a":"x"}', 'a', 'JSON_NOT_ARRAY', /byte 5 .*a is a string/],
    ['without the path', '{"b":[],"c":1}', 'a', 'PATH_NOT_FOUND', /without a; its keys are "b", "c"/],
    [
      'whose path goes on in an array',
      '{"a":[1]}',
      'a.b',
      'PATH_NOT_FOUND',
      /a is an array, no object with a\.b/,
    ],
    ['that is the array where a path is given', '[1]', 'a', 'PATH_NOT_FOUND', /the document is an array/],
    ['with the path twice', '{"a":[1],"a":[2]}', 'a', 'PATH_TWICE', /"a" stands twice/],
    [
      'that lacks a comma',
      '[{"a":1}\n{"b":2}]',
      undefined,
      'JSON_BROKEN',
      /byte 9 \(line 2\): \{ stands where a comma/,
    ],
    ['with a comma too many', '[1,]', undefined, 'JSON_BROKEN', /\] stands where a value should/],
    ['whose brackets do not match', '[{"a":[1}]', undefined, 'JSON_BROKEN', /byte 8/],
    ['with a line break in a string', '["a\nb"]', undefined, 'JSON_BROKEN', /raw byte 0x0a/],
    ['that is cut off', '[{"a":"b', undefined, 'JSON_BROKEN', /cut off: a string goes on, 2 brackets/],
    [
      'that goes on behind its end',
      '[1] [2]',
      undefined,
      'JSON_BROKEN',
      /byte 4 .*stands where nothing should/,
    ],
    ['with a wrong value beside the array', '{"x":nul,"a":[]}', 'a', 'JSON_BROKEN', /no value/],
    ['of blanks', ' \n ', undefined, 'JSON_BROKEN', /cut off/],
    ['that is nested too deep', '['.repeat(1001), undefined, 'JSON_TOO_DEEP', /byte 1000/],
  ] as const) {
    test(`${what}: ${code}`, () => {
      const refusal = refusalOf(text, path)
      assert.equal(refusal.code, code)
      assert.match(refusal.words, words)
    })
  }
})
