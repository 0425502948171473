/** EventBridge and EventBridge Scheduler as our Bus. What a schedule says later starts a trace of its own. */
import { createHash } from 'node:crypto'
import {
  ConflictException,
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  SchedulerClient,
} from '@aws-sdk/client-scheduler'
import { isoTime, systemClock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Bus, Clock, OwnEvent } from '../ports.ts'
import { padded } from '../records.ts'
import { EventType, ownSource } from '../vocabulary.ts'
import { clientSettings } from './client-settings.ts'
import { awsFault } from './faults.ts'
import { createPublisher, openPublisher, type Publisher, type PublisherOptions } from './publisher.ts'

/** Scheduler takes no time that has passed when the call arrives. */
const scheduleLeadMs = 5_000
/** Scheduler's own limit for a name. */
const scheduleNameMax = 64
/** As EventBridge itself retries a target: for a day. */
const deliveryAgeSecondsMax = 24 * 3600
const deliveryRetriesMax = 185
export interface EventBridgeBusOptions extends PublisherOptions {
  scheduler: SchedulerClient
  config: Pick<Config, 'stage' | 'bus' | 'busArn' | 'schedulerRoleArn'>
  clock: Clock
}

/**
 * `publishAt` makes a one-time schedule that removes itself; Scheduler fires within the minute of its time, never
 * before, so that an event is up to a minute late. What is due already is published at once. The schedule's name
 * follows from the event: scheduling it twice is scheduling it once.
 */
export function createEventBridgeBus(options: EventBridgeBusOptions): Bus {
  return busOf(createPublisher(options), options)
}

export function openBus(config: Config): Bus {
  const scheduler = new SchedulerClient(clientSettings('scheduler'))
  return busOf(openPublisher(config), { scheduler, config, clock: systemClock })
}

type Schedules = Pick<EventBridgeBusOptions, 'scheduler' | 'config' | 'clock'>

function busOf({ publish }: Publisher, schedules: Schedules): Bus {
  return {
    publish,
    publishAt: (event, dueAt) =>
      dueAt <= schedules.clock.now() ? publish(event) : schedule(schedules, event, dueAt),
  }
}

async function schedule(options: Schedules, event: OwnEvent, dueAt: number): Promise<void> {
  const atMs = Math.max(dueAt, options.clock.now() + scheduleLeadMs)
  try {
    await options.scheduler.send(new CreateScheduleCommand(oneTimeSchedule(options.config, event, atMs)))
  } catch (error) {
    if (error instanceof ConflictException) return
    throw awsFault(`CreateSchedule ${event.type}`, error)
  }
}

function oneTimeSchedule(
  config: EventBridgeBusOptions['config'],
  event: OwnEvent,
  atMs: number,
): CreateScheduleCommandInput {
  const name = scheduleName(config.stage, event)
  return {
    Name: name,
    // With the time in it: a token that was used for a schedule which has fired must not swallow the next one.
    ClientToken: hashed(`${name} ${atMs}`),
    ScheduleExpression: `at(${isoTime(Math.ceil(atMs / 1000) * 1000).slice(0, 19)})`,
    ScheduleExpressionTimezone: 'UTC',
    FlexibleTimeWindow: { Mode: 'OFF' },
    ActionAfterCompletion: 'DELETE',
    Target: {
      Arn: config.busArn,
      RoleArn: config.schedulerRoleArn,
      EventBridgeParameters: { DetailType: event.type, Source: ownSource },
      Input: JSON.stringify(event.detail),
      RetryPolicy: {
        MaximumEventAgeInSeconds: deliveryAgeSecondsMax,
        MaximumRetryAttempts: deliveryRetriesMax,
      },
    },
  }
}

/** `millrace-<stage>-<runId>-r02-roundDue`; hashed behind the stage where that is too long. */
export function scheduleName(stage: string, { type, detail }: OwnEvent): string {
  const word = Object.entries(EventType).find(([, value]) => value === type)?.[0] ?? type
  const what = `${detail.runId}-r${padded(detail.round ?? 0, 2)}-${word}`
  const name = `millrace-${stage}-${what}`.replace(/[^A-Za-z0-9._-]/g, '-')
  return name.length <= scheduleNameMax ? name : `millrace-${stage}-`.slice(0, 31) + hashed(name).slice(0, 33)
}

function hashed(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
