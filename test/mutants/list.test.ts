/** `npm run mutants` takes minutes; that its bugs can be planted is looked at in every run. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { mutants } from './list.ts'

const root = path.join(import.meta.dirname, '../..')

describe('the bugs that are planted', () => {
  test('are at least twenty, each with a name of its own', () => {
    assert.ok(mutants.length >= 20)
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length)
  })

  for (const { name, file, from, to } of mutants) {
    test(`can be planted in one place: ${name}`, async () => {
      const source = await readFile(path.join(root, file), 'utf8')
      assert.equal(source.split(from).length - 1, 1, `${file} has it in another number of places`)
      assert.notEqual(from, to)
    })
  }
})
