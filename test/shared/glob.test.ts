import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { globMatcher } from '../../shared/glob.ts'

/** The same by a regular expression: right, but slow for some. */
function expressionOf(glob: string): RegExp {
  const parts = glob.split(/(\*\*|\*|\?)/).map(part => {
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    return part === '?' ? '[^/]' : part.replaceAll('.', '\\.')
  })
  return new RegExp(`^${parts.join('')}$`, 's')
}

const text = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), maxLength })

test('a pattern takes the keys that its regular expression would take', () => {
  const property = fc.property(text('ab/*?.\n', 8), text('ab/*?.\n', 10), (glob, key) =>
    assert.equal(globMatcher(glob)(key), expressionOf(glob).test(key), JSON.stringify([glob, key])),
  )
  fc.assert(property, { seed: 20261121, numRuns: 20_000 })
})

test('a pattern of many stars cannot hold up the list', () => {
  const matches = globMatcher(`${'*a'.repeat(300)}b`)
  assert.equal(matches('a'.repeat(1000)), false)
  assert.equal(matches(`${'a'.repeat(1000)}b`), true)
})
