/** When AWS says that its expressions are due: held against the examples of its guides, and days of DST. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isoTime } from '../../shared/clock.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { nextTick, rateMs, scheduleFault } from '../../shared/schedule.ts'
import { linesPipeline } from '../flow/settings.ts'

/** The next `count` of them, to the minute. */
function ticks(expression: string, after: string, count = 3, timezone = 'UTC'): string[] {
  const found: string[] = []
  let at = Date.parse(after)
  while (found.length < count) {
    const next = nextTick({ expression, timezone }, at)
    if (next === undefined) break
    found.push(isoTime(next).slice(0, 16))
    at = next
  }
  return found
}

describe('a cron expression of AWS', () => {
  const after = '2026-11-20T12:00:00Z' // A Friday.
  const examples: [expression: string, meaning: string, expected: string[]][] = [
    ['cron(0 10 * * ? *)', 'daily at 10:00', ['2026-11-21T10:00', '2026-11-22T10:00', '2026-11-23T10:00']],
    ['cron(15 12 * * ? *)', 'daily at 12:15', ['2026-11-20T12:15', '2026-11-21T12:15', '2026-11-22T12:15']],
    [
      'cron(0 18 ? * MON-FRI *)',
      'on workdays at 18:00',
      ['2026-11-20T18:00', '2026-11-23T18:00', '2026-11-24T18:00'],
    ],
    [
      'cron(0 8 1 * ? *)',
      'on the first of the month',
      ['2026-12-01T08:00', '2027-01-01T08:00', '2027-02-01T08:00'],
    ],
    [
      'cron(0/15 * * * ? *)',
      'each quarter of an hour',
      ['2026-11-20T12:15', '2026-11-20T12:30', '2026-11-20T12:45'],
    ],
    [
      'cron(0/10 * ? * MON-FRI *)',
      'each 10 minutes of workdays',
      ['2026-11-20T12:10', '2026-11-20T12:20', '2026-11-20T12:30'],
    ],
    [
      'cron(0/30 20,22 ? * MON *)',
      'of two hours on Mondays',
      ['2026-11-23T20:00', '2026-11-23T20:30', '2026-11-23T22:00'],
    ],
    [
      'cron(15 10 ? * 6L 2026-2027)',
      'the last Friday of the month',
      ['2026-11-27T10:15', '2026-12-25T10:15', '2027-01-29T10:15'],
    ],
    [
      'cron(0 9 ? * 2#1 *)',
      'the first Monday of the month',
      ['2026-12-07T09:00', '2027-01-04T09:00', '2027-02-01T09:00'],
    ],
    [
      'cron(0 9 ? * TUE#5 *)',
      'the fifth Tuesday, where there is one',
      ['2026-12-29T09:00', '2027-03-30T09:00', '2027-06-29T09:00'],
    ],
    [
      'cron(0 0 L * ? *)',
      'the last day of the month',
      ['2026-11-30T00:00', '2026-12-31T00:00', '2027-01-31T00:00'],
    ],
    [
      'cron(0 0 15W * ? *)',
      'the workday nearest to the 15th',
      ['2026-12-15T00:00', '2027-01-15T00:00', '2027-02-15T00:00'],
    ],
    [
      'cron(0 0 1W * ? *)',
      'of a first on a weekend, in the same month',
      ['2026-12-01T00:00', '2027-01-01T00:00', '2027-02-01T00:00'],
    ],
    ['cron(0 0 ? * 1 *)', '1 is Sunday', ['2026-11-22T00:00', '2026-11-29T00:00', '2026-12-06T00:00']],
    ['cron(0 0 ? * L *)', 'L is Saturday', ['2026-11-21T00:00', '2026-11-28T00:00', '2026-12-05T00:00']],
    ['cron(0 0 29 2 ? *)', 'leap days', ['2028-02-29T00:00', '2032-02-29T00:00', '2036-02-29T00:00']],
    ['cron(0 0 1 JAN ? 2028)', 'one year', ['2028-01-01T00:00']],
  ]
  for (const [expression, meaning, expected] of examples) {
    test(`${expression} is ${meaning}`, () => assert.deepEqual(ticks(expression, after), expected))
  }

  test('a weekend moves the nearest workday to Friday or Monday, never into another month', () => {
    // 2026-08-01 is a Saturday, 2026-08-15 too, 2026-11-15 a Sunday, 2027-01-31 a Sunday.
    assert.deepEqual(ticks('cron(0 0 1W * ? *)', '2026-07-31T00:00Z', 1), ['2026-08-03T00:00'])
    assert.deepEqual(ticks('cron(0 0 15W * ? *)', '2026-08-01T00:00Z', 1), ['2026-08-14T00:00'])
    assert.deepEqual(ticks('cron(0 0 15W * ? *)', '2026-11-01T00:00Z', 1), ['2026-11-16T00:00'])
    assert.deepEqual(ticks('cron(0 0 31W * ? *)', '2027-01-01T00:00Z', 1), ['2027-01-29T00:00'])
  })

  test('is read on the clocks of its time zone, in summer and in winter', () => {
    assert.deepEqual(ticks('cron(0 2 * * ? *)', '2026-07-01T12:00Z', 1, 'Europe/Berlin'), [
      '2026-07-02T00:00',
    ])
    assert.deepEqual(ticks('cron(0 2 * * ? *)', '2026-12-01T12:00Z', 1, 'Europe/Berlin'), [
      '2026-12-02T01:00',
    ])
    assert.deepEqual(ticks('cron(0 22 ? * SUN *)', '2026-07-03T00:00Z', 1, 'America/Los_Angeles'), [
      '2026-07-06T05:00',
    ])
  })

  test('leaves out a time that the clocks leap over, and comes once where they show it twice', () => {
    // Berlin: 2026-03-29 02:00 is 03:00; 2026-10-25 03:00 is 02:00.
    const berlin = (after: string, count: number) =>
      ticks('cron(30 2 * * ? *)', after, count, 'Europe/Berlin')
    assert.deepEqual(berlin('2026-03-28T00:00Z', 2), ['2026-03-28T01:30', '2026-03-30T00:30'])
    assert.deepEqual(berlin('2026-10-24T12:00Z', 2), ['2026-10-25T00:30', '2026-10-26T01:30'])
  })

  const refused: [expression: string, why: RegExp][] = [
    ['cron(0 2 * * *)', /5 fields, not six/],
    ['cron(0 2 * * * *)', /'\?' as exactly one/],
    ['cron(0 2 ? * ? *)', /'\?' as exactly one/],
    ['cron(60 2 * * ? *)', /'60' as its minutes, which goes from 0 to 59/],
    ['cron(0 24 * * ? *)', /'24' as its hours/],
    ['cron(0 2 32 * ? *)', /'32' as its day-of-month/],
    ['cron(0 2 ? * 0 *)', /'0' as its day-of-week.*SUN to SAT/],
    ['cron(0 2 ? * MONDAY *)', /'MONDAY'/],
    ['cron(0 2 5-1 * ? *)', /'5-1'/],
    ['cron(0/0 2 * * ? *)', /'0\/0'/],
    ['cron(0 2 30 2 ? *)', /never comes/],
    ['rate(0 hours)', /no interval/],
    ['rate(5 seconds)', /neither a rate nor a cron/],
    ['at(2026-01-01T00:00:00)', /neither a rate nor a cron/],
    ['0 2 * * *', /neither a rate nor a cron/],
  ]
  for (const [expression, why] of refused) {
    test(`${expression} is refused in words`, () => {
      assert.match(scheduleFault(expression)?.words ?? 'not refused', why)
    })
  }
})

test('a rate is an interval; a cron is not', () => {
  assert.equal(rateMs('rate(1 minute)'), 60_000)
  assert.equal(rateMs('rate(6 hours)'), 6 * 3_600_000)
  assert.equal(rateMs('cron(0 2 * * ? *)'), undefined)
  assert.deepEqual(ticks('rate(1 day)', '2026-11-20T12:00Z', 2), ['2026-11-21T12:00', '2026-11-22T12:00'])
})

describe('the schedule of a pipeline', () => {
  const withSource = (more: object) => ({
    ...linesPipeline(),
    source: { ...linesPipeline().source, ...more },
  })

  test('is taken as EventBridge Scheduler writes it, in UTC where it names no time zone', () => {
    const { source } = parsePipeline(withSource({ schedule: { expression: 'rate(6 hours)' } }), 'here')
    assert.deepEqual(source.schedule, { expression: 'rate(6 hours)', timezone: 'UTC' })
  })

  test('cannot be an expression that AWS would refuse, nor go with a group', () => {
    const faulty = withSource({ schedule: { expression: 'cron(0 2 * * *)', timezone: 'Mars/Base' } })
    assert.throws(
      () => parsePipeline(faulty, 'here'),
      /schedule\.expression: .*not six[\s\S]*schedule\.timezone/,
    )
    const both = withSource({ schedule: { expression: 'rate(6 hours)' }, group: {} })
    assert.throws(() => parsePipeline(both, 'here'), /source\.schedule/)
  })
})
