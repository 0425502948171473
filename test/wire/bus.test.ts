import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  CreateEventBusCommand,
  type EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge'
import { GetScheduleCommand, ListSchedulesCommand, type SchedulerClient } from '@aws-sdk/client-scheduler'
import { createEventBridgeBus } from '../../shared/aws/bus.ts'
import { type AwsClients, createAwsClients } from '../../shared/aws/clients.ts'
import { epochMs, systemClock } from '../../shared/clock.ts'
import { isError } from '../../shared/errors.ts'
import type { OwnEvent } from '../../shared/ports.ts'
import { EventType, ownSource } from '../../shared/vocabulary.ts'
import { type BusUnderTest, busContract } from '../contract/bus.ts'
import { credentials, region, secondOpinions } from './servers.ts'

const { moto } = secondOpinions
const config = {
  stage: 'wire',
  bus: 'millrace-wire',
  busArn: `arn:aws:events:${region}:123456789012:event-bus/millrace-wire`,
  schedulerRoleArn: 'arn:aws:iam::123456789012:role/millrace-wire-scheduler',
}

if (moto.missing === undefined) {
  busContract(`EventBridge and Scheduler on ${moto.name}`, openOnMoto, { moves: false })
  describe(`EventBridge on ${moto.name}`, () => {
    it('cannot publish to a bus that is not there, and says so', refusesUnknownBus)
  })
} else {
  it('cannot ask moto about the bus', { skip: moto.missing })
}

async function refusesUnknownBus(): Promise<void> {
  const server = await moto.start()
  try {
    const { events, scheduler } = clientsOf(server.url)
    const bus = createEventBridgeBus({
      events,
      scheduler,
      config: { ...config, bus: 'nowhere' },
      clock: systemClock,
    })
    const event = { type: EventType.roundDue, detail: { runId: 'a', pipeline: 'flights' } }
    await assert.rejects(bus.publish(event), error => isError(error, 'REQUEST_REFUSED'))
  } finally {
    await server.stop()
  }
}

async function openOnMoto(): Promise<BusUnderTest> {
  const server = await moto.start()
  const { events, scheduler } = clientsOf(server.url)
  const queueUrl = await queueBehind(events, server.url)
  const arrived: OwnEvent[] = []
  return {
    bus: createEventBridgeBus({ events, scheduler, config, clock: systemClock }),
    now: systemClock.now,
    received: async () => {
      arrived.push(...(await receiveAll(server.url, queueUrl)))
      return arrived
    },
    held: () => heldBy(scheduler),
    dispose: server.stop,
  }
}

function clientsOf(url: string): AwsClients {
  return createAwsClients({ region, credentials, endpoints: { events: url, scheduler: url } })
}

/** What arrives on the bus from our source goes to a queue, as a rule of anyone's would send it. */
async function queueBehind(events: EventBridgeClient, url: string): Promise<string> {
  const { QueueUrl } = await sqs<{ QueueUrl: string }>(url, 'CreateQueue', { QueueName: 'arrivals' })
  const name = { EventBusName: config.bus }
  await events.send(new CreateEventBusCommand({ Name: config.bus }))
  const EventPattern = JSON.stringify({ source: [ownSource] })
  await events.send(new PutRuleCommand({ ...name, Name: 'all', EventPattern }))
  const Arn = `arn:aws:sqs:${region}:123456789012:arrivals`
  await events.send(new PutTargetsCommand({ ...name, Rule: 'all', Targets: [{ Id: 'arrivals', Arn }] }))
  return QueueUrl
}

async function receiveAll(url: string, QueueUrl: string): Promise<OwnEvent[]> {
  const answer = await sqs<{ Messages?: { Body: string }[] }>(url, 'ReceiveMessage', {
    QueueUrl,
    MaxNumberOfMessages: 10,
  })
  return (answer.Messages ?? []).map(({ Body }) => {
    const envelope = JSON.parse(Body) as {
      source: string
      'detail-type': EventType
      detail: OwnEvent['detail']
    }
    assert.equal(envelope.source, ownSource)
    return { type: envelope['detail-type'], detail: envelope.detail }
  })
}

/** moto checks no signature, and looks for the service's name in it. */
async function sqs<Answer>(url: string, action: string, body: object): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `AmazonSQS.${action}`,
      authorization: `AWS4-HMAC-SHA256 Credential=wire/20260101/${region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  })
  assert.ok(response.ok, `${action}: ${response.status}`)
  return (await response.json()) as Answer
}

async function heldBy(scheduler: SchedulerClient): Promise<{ event: OwnEvent; dueAt: number }[]> {
  const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({}))
  return Promise.all(
    Schedules.map(async ({ Name }) => {
      const {
        ScheduleExpression = '',
        Target,
        ...schedule
      } = await scheduler.send(new GetScheduleCommand({ Name }))
      assert.equal(schedule.ActionAfterCompletion, 'DELETE')
      assert.equal(schedule.FlexibleTimeWindow?.Mode, 'OFF')
      assert.deepEqual([Target?.Arn, Target?.RoleArn], [config.busArn, config.schedulerRoleArn])
      const { DetailType, Source } = Target?.EventBridgeParameters ?? {}
      assert.equal(Source, ownSource)
      const dueAt = epochMs(`${ScheduleExpression.slice('at('.length, -1)}Z`)
      return { event: { type: DetailType as EventType, detail: JSON.parse(Target?.Input ?? '') }, dueAt }
    }),
  )
}
