import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isoTime } from '../../shared/clock.ts'
import { isError } from '../../shared/errors.ts'
import { type Deadline, lastDeadline, type Weekday, weekdays } from '../../shared/expectation.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { isTimezone } from '../../shared/timezone.ts'

const hourMs = 60 * 60 * 1000

function deadline(by: string, timezone: string, now: string, days: readonly Weekday[] = weekdays): Deadline {
  return lastDeadline({ by, timezone, days: [...days] }, Date.parse(now))
}

function last(...given: Parameters<typeof deadline>): string {
  const { date, at } = deadline(...given)
  return `${date} ${isoTime(at).slice(0, 16)}`
}

describe('a deadline', () => {
  it('is over from its very moment on', () => {
    assert.equal(last('06:00', 'UTC', '2026-11-21T06:00:00Z'), '2026-11-21 2026-11-21T06:00')
    assert.equal(last('06:00', 'UTC', '2026-11-21T05:59:59.999Z'), '2026-11-20 2026-11-20T06:00')
  })

  it('is on the clocks and the calendar of its time zone', () => {
    assert.equal(last('06:00', 'Europe/Berlin', '2026-11-21T12:00Z'), '2026-11-21 2026-11-21T05:00')
    assert.equal(last('06:00', 'Europe/Berlin', '2026-07-01T12:00Z'), '2026-07-01 2026-07-01T04:00')
    assert.equal(last('00:00', 'America/New_York', '2026-11-21T04:00Z'), '2026-11-20 2026-11-20T05:00')
    assert.equal(last('00:15', 'Pacific/Kiritimati', '2026-11-20T12:00Z'), '2026-11-21 2026-11-20T10:15')
    assert.equal(last('12:00', 'Asia/Kathmandu', '2026-11-21T12:00Z'), '2026-11-21 2026-11-21T06:15')
  })

  it('comes once where clocks are put back, and as much later as they are put forward', () => {
    assert.equal(last('02:30', 'Europe/Berlin', '2026-10-25T12:00Z'), '2026-10-25 2026-10-25T00:30')
    assert.equal(last('02:30', 'Europe/Berlin', '2026-03-29T12:00Z'), '2026-03-29 2026-03-29T01:30')
    assert.equal(last('06:00', 'Europe/Berlin', '2026-03-29T12:00Z'), '2026-03-29 2026-03-29T04:00')
    assert.equal(last('02:15', 'Australia/Lord_Howe', '2026-10-04T12:00Z'), '2026-10-04 2026-10-03T15:45')
  })

  it('is on its days alone, and knows the one before', () => {
    const { date, before } = deadline('06:00', 'UTC', '2026-11-23T05:00Z', ['mon', 'fri'])
    assert.deepEqual([date, before.date], ['2026-11-20', '2026-11-16'])
    assert.equal(deadline('06:00', 'UTC', '2026-11-23T06:00Z', ['mon', 'fri']).date, '2026-11-23')
    assert.equal(deadline('06:00', 'UTC', '2026-11-23T06:00Z', ['sun']).before.date, '2026-11-15')
  })

  it('never lies in the future, and comes about once a day, in any time zone', () => {
    const zones = Intl.supportedValuesOf('timeZone')
    const given = fc.record({
      timezone: fc.constantFrom(...zones),
      hour: fc.integer({ min: 0, max: 23 }),
      minute: fc.integer({ min: 0, max: 59 }),
      now: fc.integer({ min: Date.UTC(2015, 0), max: Date.UTC(2035, 0) }),
    })
    fc.assert(
      fc.property(given, ({ timezone, hour, minute, now }) => {
        const by = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
        const { at, before } = lastDeadline({ by, timezone, days: [...weekdays] }, now)
        assert.ok(at <= now && now - at < 27 * hourMs)
        assert.ok(at - before.at > 20 * hourMs && at - before.at < 28 * hourMs)
        assert.equal(lastDeadline({ by, timezone, days: [...weekdays] }, at).at, at)
        assert.equal(lastDeadline({ by, timezone, days: [...weekdays] }, at - 1).at, before.at)
      }),
      { seed: 4, numRuns: 1500 },
    )
  })

  it('has a time zone that there is', () => {
    assert.ok(isTimezone('Europe/Berlin') && isTimezone('UTC'))
    assert.ok(!isTimezone('Mars/Base') && !isTimezone(''))
  })
})

describe('an expectation in a pipeline', () => {
  const pipeline = {
    name: 'text',
    source: { prefix: 'text/', format: 'lines' },
    work: { sql: 'SELECT line FROM input' },
    output: { prefix: 'out/' },
  }

  it('is of one file a day, in UTC, unless it says otherwise', () => {
    assert.deepEqual(parsePipeline({ ...pipeline, expect: { by: '06:00' } }, 'x').expect, {
      by: '06:00',
      timezone: 'UTC',
      files: 1,
      days: weekdays,
    })
    assert.equal(parsePipeline(pipeline, 'x').expect, undefined)
  })

  it('cannot name a time, a zone, a day or a key that there is not: every fault is said at once', () => {
    const expect = { by: '6:00', timezone: 'Mars/Base', files: 0, days: ['monday'], on: true }
    assert.throws(
      () => parsePipeline({ ...pipeline, expect }, 'x'),
      (error: unknown) => {
        assert.ok(isError(error, 'PIPELINE_INVALID'))
        for (const path of ['expect.by', 'expect.timezone', 'expect.files', 'expect.days.0', 'expect.on'])
          assert.match(error.message, new RegExp(`${path}: `))
        return true
      },
    )
  })
})
