/** When a pipeline takes what has come, in words. */

import { isoTime } from '../shared/clock.ts'
import { nextTick, rateMs, type Schedule } from '../shared/schedule.ts'
import type { Dropped } from './drop.ts'
import { type GlobalOptions, stageOption } from './options.ts'

/** The next times of a cron, as ISO 8601; none of a rate: only Scheduler knows from when it counts. */
export function nextTicks(schedule: Schedule, now: number, count: number): string[] {
  if (rateMs(schedule.expression) !== undefined) return []
  const found: string[] = []
  let at = nextTick(schedule, now)
  while (at !== undefined && found.length < count) {
    found.push(isoTime(at))
    at = nextTick(schedule, at)
  }
  return found
}

/** `cron(0 2 * * ? *) Europe/Berlin: next 2026-11-21T01:00Z, ...`, or `rate(6 hours)`. */
export function scheduleText(schedule: Schedule, now: number, count = 3): string {
  const { expression, timezone } = schedule
  if (rateMs(expression) !== undefined) return expression
  const times = nextTicks(schedule, now, count).map(time => `${time.slice(0, 16)}Z`)
  return `${expression} ${timezone}: ${times.length === 0 ? 'never again' : `next ${times.join(', ')}`}`
}

/** Of a drop that starts no run of its own. */
export function sayWaiting(
  dropped: Dropped,
  schedule: Schedule,
  now: number,
  { json, stage }: Pick<GlobalOptions, 'json' | 'stage'>,
): void {
  const { runId: _, ...place } = dropped
  const [next = null] = nextTicks(schedule, now, 1)
  if (json) return void process.stdout.write(`${JSON.stringify({ ...place, schedule, nextTick: next })}\n`)
  process.stdout.write(`dropped s3://${dropped.bucket}/${dropped.key}\n`)
  process.stdout.write(`waits   for the schedule of ${dropped.pipeline}, ${scheduleText(schedule, now, 1)}\n`)
  process.stdout.write(`or now  npx millrace tick ${dropped.pipeline}${stageOption(stage)}\n`)
}
