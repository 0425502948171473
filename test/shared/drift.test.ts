import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Drifted, driftOf } from '../../shared/plan/drift.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'

const declared = [
  { name: 'id', type: 'INTEGER' },
  { name: 'name', type: 'VARCHAR' },
]

function taken(...asked: Parameters<typeof driftOf>): Drifted {
  const answer = driftOf(...asked)
  assert.ok(!isRefusal(answer), JSON.stringify(answer))
  return answer
}

function refused(...asked: Parameters<typeof driftOf>): string {
  const answer = driftOf(...asked)
  assert.ok(isRefusal(answer), JSON.stringify(answer))
  assert.equal(answer.code, 'COLUMNS_DIFFER')
  return `${answer.words} | ${answer.remedy}`
}

const shown = ({ columns }: Drifted): string => columns.map(({ name, type }) => `${name} ${type}`).join(', ')

describe('columns that are the declared ones', () => {
  for (const rule of ['fail', 'widen', 'ignore'] as const) {
    test(`are taken in the order of the file, under ${rule}, and nothing is said of drift`, () => {
      const answer = taken(['name', 'id'], declared, rule)
      assert.equal(shown(answer), 'name VARCHAR, id INTEGER')
      assert.equal(answer.drift, undefined)
      assert.equal(answer.fields, undefined)
    })
  }

  test('can be any where none are declared', () => {
    assert.equal(shown(taken(['x', 'y'], [], 'fail')), 'x VARCHAR, y VARCHAR')
  })
})

describe('columns that are not the declared ones', () => {
  const names = ['age', 'id']

  test('are refused under fail, each by name, with the ways out', () => {
    const words = refused(names, declared, 'fail')
    assert.match(words, /lacks name and has unknown age; it reads age, id/)
    assert.match(words, /widen/)
  })

  test('are all there under widen, the unknown as the object types them, the lacking ones last', () => {
    const answer = taken(names, declared, 'widen', () => 'JSON')
    assert.equal(shown(answer), 'age JSON, id INTEGER, name VARCHAR')
    assert.deepEqual(answer.fields, names)
    assert.deepEqual(answer.drift, { unknown: ['age'], lacking: ['name'] })
  })

  test('are left out under ignore, and remembered as fields of the file', () => {
    const answer = taken(names, declared, 'ignore')
    assert.equal(shown(answer), 'id INTEGER, name VARCHAR')
    assert.deepEqual(answer.fields, names)
    assert.deepEqual(answer.drift, { unknown: ['age'], lacking: ['name'] })
  })

  for (const rule of ['fail', 'widen', 'ignore'] as const) {
    test(`cannot be all of them, under ${rule}: rows of NULL would be all there is`, () => {
      refused(['x', 'y'], declared, rule)
    })

    test(`cannot differ in nothing but case, under ${rule}`, () => {
      assert.match(refused(['ID', 'name'], declared, rule), /ID differs in case only/)
    })
  }
})
