import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern } from '../../local/events/event-pattern.ts'
import { isError } from '../../shared/errors.ts'

const child = {
  source: 'aws.batch',
  'detail-type': 'Batch Job State Change',
  detail: {
    jobQueue: 'arn:aws:batch:us-east-1:000000000000:job-queue/spot',
    status: 'ENDED',
    attempts: [{ container: { exitCode: 137 } }, { container: { exitCode: 1, reason: null } }],
    arrayProperties: { index: 0 },
    tags: ['red', 'green'],
    dependsOn: [],
    label: null,
    size: 12.5,
    ok: true,
  },
}

const detail = (pattern: unknown): boolean => compilePattern({ detail: pattern })(child)

/** title: [patterns of `detail` that match, patterns that do not] */
const cases: Record<string, [unknown[], unknown[]]> = {
  'an exact value is matched as it is, and not in another type or case': [
    [{ status: ['ENDED'] }, { status: ['x', 'ENDED'] }, { size: [12.5] }, { ok: [true] }],
    [{ status: ['ended'] }, { size: ['12.5'] }, { ok: ['true'] }, { status: ['END'] }],
  ],
  'null matches a field that is null, and not one that is missing': [
    [{ label: [null] }, { attempts: { container: { reason: [null] } } }],
    [{ missing: [null] }, { status: [null] }],
  ],
  'any value of an array may match, and an empty one has none': [
    [{ tags: ['green'] }, { tags: [{ prefix: 're' }] }],
    [{ tags: ['blue'] }, { dependsOn: [{ 'anything-but': 'x' }] }, { dependsOn: [null] }],
  ],
  'fields of one element match together, and not those of two': [
    [{ attempts: { container: { exitCode: [1], reason: [null] } } }],
    [{ attempts: { container: { exitCode: [137], reason: [null] } } }],
  ],
  'exists looks at leaves, and not at what has fields': [
    [
      { arrayProperties: { index: [{ exists: true }] } },
      { arrayProperties: { size: [{ exists: false }] } },
      { label: [{ exists: true }] },
      { arrayProperties: [{ exists: false }] },
      { absent: { index: [{ exists: false }] } },
      { dependsOn: [{ exists: false }] },
    ],
    [
      { arrayProperties: { index: [{ exists: false }] } },
      { arrayProperties: { size: [{ exists: true }] } },
      { arrayProperties: [{ exists: true }] },
      { missing: [{ exists: true }] },
    ],
  ],
  'prefix and suffix match the ends of text, and nothing else': [
    [
      { jobQueue: [{ prefix: 'arn:aws:batch' }] },
      { jobQueue: [{ suffix: '/spot' }] },
      { status: [{ prefix: { 'equals-ignore-case': 'en' } }] },
      { status: [{ suffix: { 'equals-ignore-case': 'dEd' } }] },
    ],
    [{ jobQueue: [{ prefix: '/spot' }] }, { jobQueue: [{ suffix: 'SPOT' }] }, { size: [{ prefix: '1' }] }],
  ],
  'equals-ignore-case ignores the case only': [
    [{ status: [{ 'equals-ignore-case': 'EnDeD' }] }],
    [{ status: [{ 'equals-ignore-case': 'ende' }] }],
  ],
  'anything-but takes what is there and is none of these, and not what is missing': [
    [
      { status: [{ 'anything-but': 'x' }] },
      { status: [{ 'anything-but': ['x', 'y'] }] },
      { size: [{ 'anything-but': 12 }] },
      { label: [{ 'anything-but': 'x' }] },
      { status: [{ 'anything-but': { prefix: 'X' } }] },
      { status: [{ 'anything-but': { suffix: ['X', 'Y'] } }] },
      { tags: [{ 'anything-but': 'red' }] },
    ],
    [
      { status: [{ 'anything-but': 'ENDED' }] },
      { status: [{ 'anything-but': ['x', 'ENDED'] }] },
      { missing: [{ 'anything-but': 'x' }] },
      { status: [{ 'anything-but': { prefix: 'EN' } }] },
      { status: [{ 'anything-but': { wildcard: 'E*D' } }] },
      { status: [{ 'anything-but': { 'equals-ignore-case': ['a', 'ended'] } }] },
      { tags: [{ 'anything-but': ['red', 'green'] }] },
    ],
  ],
  'numeric compares numbers, and not text that looks like one': [
    [
      { size: [{ numeric: ['>', 12, '<=', 12.5] }] },
      { size: [{ numeric: ['=', 12.5] }] },
      { arrayProperties: { index: [{ numeric: ['>=', 0] }] } },
    ],
    [
      { size: [{ numeric: ['<', 12.5] }] },
      { status: [{ numeric: ['>', 0] }] },
      { size: [{ numeric: ['>', 0, '<', 5] }] },
    ],
  ],
  'a wildcard stands for any text, and an escaped one for itself': [
    [
      { jobQueue: [{ wildcard: 'arn:*:job-queue/*' }] },
      { status: [{ wildcard: '*' }] },
      { status: [{ wildcard: 'ENDED*' }] },
    ],
    [
      { jobQueue: [{ wildcard: '*:job' }] },
      { status: [{ wildcard: 'E.DED' }] },
      { status: [{ wildcard: '\\*' }] },
    ],
  ],
  '$or takes any of its patterns, beside all that stands next to it': [
    [{ $or: [{ status: ['x'] }, { size: [12.5] }], ok: [true] }],
    [
      { $or: [{ status: ['x'] }, { size: [1] }] },
      { $or: [{ status: ['ENDED'] }, { size: [1] }], ok: [false] },
    ],
  ],
}

for (const [title, [matching, others]] of Object.entries(cases)) {
  test(title, () => {
    for (const pattern of matching) assert.equal(detail(pattern), true, JSON.stringify(pattern))
    for (const pattern of others) assert.equal(detail(pattern), false, JSON.stringify(pattern))
  })
}

test('a wildcard matches a literal star, backslash and every sign regular expressions know', () => {
  const text = String.raw`a*b\c.(d)[e]{f}^$|?+/-`
  const escaped = text.replace(/[*\\]/g, String.raw`\$&`)
  assert.equal(compilePattern({ key: [{ wildcard: escaped }] })({ key: text }), true)
  assert.equal(compilePattern({ key: [{ wildcard: escaped }] })({ key: text.replace('*', 'x') }), false)
  assert.equal(compilePattern({ key: [{ wildcard: 'a*z' }] })({ key: 'a\nä\nz' }), true)
})

test('fields that objects inherit are no fields of the event', () => {
  assert.equal(compilePattern({ constructor: [{ exists: false }] })({}), true)
})

test('a pattern that EventBridge would refuse is refused with its place', () => {
  const refused: [unknown, RegExp][] = [
    [{}, /^P: /],
    ['text', /^P: /],
    [{ source: 'aws.s3' }, /P\.source: must be an array/],
    [{ source: [] }, /P\.source: must not be an empty/],
    [{ detail: {} }, /P\.detail: must not be empty/],
    [{ detail: { a: [['x']] } }, /P\.detail\.a\[0\]/],
    [{ a: [{ prefix: 1 }] }, /P\.a\[0\]\.prefix: takes text/],
    [{ a: [{ prefix: 'x', suffix: 'y' }] }, /exactly one operator/],
    [{ a: [{ exists: 'yes' }] }, /exists: must be true or false/],
    [{ a: [{ numeric: ['>', '5'] }] }, /numeric/],
    [{ a: [{ numeric: ['>'] }] }, /numeric/],
    [{ a: [{ 'anything-but': [] }] }, /empty array/],
    [{ a: [{ 'anything-but': { numeric: ['>', 5] } }] }, /takes one of prefix/],
    [{ a: [{ wildcard: 'a**b' }] }, /two \* in a row/],
    [{ a: [{ cidr: '10.0.0.0/8' }] }, /P\.a\[0\]\.cidr: is no operator known here/],
    [{ a: [{ toString: 'x' }] }, /is no operator known here/],
    [{ $or: [{ a: [1] }] }, /at least two/],
  ]
  for (const [pattern, words] of refused) {
    assert.throws(
      () => compilePattern(pattern, 'P'),
      error => isError(error, 'CONFIG_INVALID') && words.test(error.message),
      JSON.stringify(pattern),
    )
  }
})
