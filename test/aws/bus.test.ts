import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createEventBridgeBus, scheduleName } from '../../shared/aws/bus.ts'
import { epochMs } from '../../shared/clock.ts'
import { type ErrorCode, isError } from '../../shared/errors.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import type { Bus, OwnEvent } from '../../shared/ports.ts'
import { EventType, ownSource } from '../../shared/vocabulary.ts'
import { type Loopback, startLoopback } from './loopback.ts'

const now = epochMs('2026-01-31T23:58:00.000Z')
const runId = '0123456789abcdef01234567'
const event: OwnEvent = { type: EventType.roundDue, detail: { runId, pipeline: 'flights', round: 2 } }
const config = { stage: 'prod', bus: 'millrace-prod', busArn: 'arn:bus', schedulerRoleArn: 'arn:role' }

describe('EventBridge', () => {
  let aws: Loopback
  let bus: Bus

  beforeEach(async () => {
    aws = await startLoopback()
    const { events, scheduler } = aws.clients
    bus = createEventBridgeBus({ events, scheduler, config, clock: createMemoryClock(now) })
  })
  afterEach(async () => {
    await aws.stop()
  })
  const expression = (): unknown => aws.requests.at(-1)?.body.ScheduleExpression

  it('gets an event from our source, on our bus', async () => {
    aws.answerWith({ body: { FailedEntryCount: 0, Entries: [{ EventId: 'e' }] } })
    await bus.publish(event)
    const Entries = [
      {
        EventBusName: 'millrace-prod',
        Source: ownSource,
        DetailType: 'Round Due',
        Detail: JSON.stringify(event.detail),
      },
    ]
    assert.deepEqual(aws.requests, [{ operation: 'PutEvents', body: { Entries } }])
  })

  it('is told of the trace that the event is part of, as it is by then', async () => {
    const { events, scheduler } = aws.clients
    const headers = ['Root=1-a-b;Parent=c;Sampled=1;Lineage=d', 'Root=1-e-f;Parent=g;Sampled=0', undefined]
    const trace = (): string | undefined => headers.shift()
    const traced = createEventBridgeBus({ events, scheduler, config, clock: createMemoryClock(now), trace })
    aws.answerWith({ body: { FailedEntryCount: 0, Entries: [{ EventId: 'e' }] } })
    for (let times = 0; times < 3; times++) await traced.publish(event)
    const sent = aws.requests.map(({ body }) => (body.Entries as { TraceHeader?: string }[])[0]?.TraceHeader)
    assert.deepEqual(sent, ['Root=1-a-b;Parent=c;Sampled=1', 'Root=1-e-f;Parent=g;Sampled=0', undefined])
  })

  const entries: [string, ErrorCode][] = [
    ['ThrottlingException', 'THROTTLED'],
    ['InternalFailure', 'TEMPORARY_FAILURE'],
    ['NotAuthorizedForSourceException', 'REQUEST_REFUSED'],
  ]
  for (const [ErrorCode, code] of entries) {
    it(`that answers 200 and takes nothing (${ErrorCode}) is ${code}`, async () => {
      aws.answerWith({ body: { FailedEntryCount: 1, Entries: [{ ErrorCode, ErrorMessage: 'm' }] } })
      await assert.rejects(bus.publish(event), error => isError(error, code))
    })
  }

  it('holds back what is due later by a schedule that fires once, puts it on our bus, and removes itself', async () => {
    await bus.publishAt(event, now + 3_600_000)
    const [{ operation, body } = { operation: '', body: {} }] = aws.requests
    assert.equal(operation, `/schedules/millrace-prod-${runId}-r02-roundDue`)
    assert.deepEqual(body.Target, {
      Arn: 'arn:bus',
      RoleArn: 'arn:role',
      EventBridgeParameters: { DetailType: 'Round Due', Source: ownSource },
      Input: JSON.stringify(event.detail),
      RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
    })
    assert.deepEqual(
      [
        body.ScheduleExpression,
        body.ScheduleExpressionTimezone,
        body.ActionAfterCompletion,
        body.FlexibleTimeWindow,
      ],
      ['at(2026-02-01T00:58:00)', 'UTC', 'DELETE', { Mode: 'OFF' }],
    )
  })

  it('cannot be early: a part of a second is a whole one', async () => {
    await bus.publishAt(event, now + 60_001)
    assert.equal(expression(), 'at(2026-01-31T23:59:01)')
  })

  it('is given at least five seconds to take a schedule in, for it takes none for the past', async () => {
    await bus.publishAt(event, now + 1)
    assert.equal(expression(), 'at(2026-01-31T23:58:05)')
  })

  it('gets at once what is due already', async () => {
    aws.answerWith({ body: { FailedEntryCount: 0 } })
    await bus.publishAt(event, now)
    assert.deepEqual(
      aws.requests.map(({ operation }) => operation),
      ['PutEvents'],
    )
  })

  it('that has the schedule already has done what was asked', async () => {
    aws.answerWith({ status: 409, error: 'ConflictException' })
    await bus.publishAt(event, now + 60_000)
  })

  it('that refuses a schedule says so', async () => {
    aws.answerWith({ status: 400, error: 'ValidationException' })
    await assert.rejects(bus.publishAt(event, now + 60_000), error => isError(error, 'REQUEST_REFUSED'))
  })

  it('is sent the same token for the same schedule, and another one for another time', async () => {
    for (const dueAt of [60_000, 60_000, 120_000]) await bus.publishAt(event, now + dueAt)
    const [first, again, later] = aws.requests.map(({ body }) => body.ClientToken)
    assert.equal(first, again)
    assert.notEqual(first, later)
    assert.match(String(first), /^[a-zA-Z0-9-_]{1,64}$/)
  })
})

describe('The name of a schedule', () => {
  it('tells runs, rounds and kinds of events apart', () => {
    const others: OwnEvent[] = [
      { ...event, type: EventType.roundEnded },
      { ...event, detail: { ...event.detail, round: 3 } },
      { ...event, detail: { ...event.detail, runId: runId.replace('0', '1') } },
    ]
    const names = [event, ...others].map(one => scheduleName('prod', one))
    assert.equal(new Set(names).size, names.length)
    assert.equal(scheduleName('prod', structuredClone(event)), names[0])
  })

  it('is one that Scheduler takes, also for a long stage, and still apart', () => {
    const stage = 'a-branch-with-a-very-long-name/and-a-slash'
    const names = [event, { ...event, detail: { ...event.detail, round: 3 } }].map(one =>
      scheduleName(stage, one),
    )
    for (const name of names) assert.match(name, /^[0-9a-zA-Z-_.]{1,64}$/)
    assert.notEqual(names[0], names[1])
  })
})
