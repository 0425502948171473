/** When a pipeline takes what has come. Pure. */
import * as z from 'zod'
import { scheduleFault } from '../schedule.ts'
import { isTimezone } from '../timezone.ts'

export const timezone = z
  .string()
  .refine(isTimezone, { error: 'must be a time zone by its IANA name, like Europe/Berlin' })
  .default('UTC')

/** EventBridge Scheduler's own expression and time zone. */
export const scheduleSchema = z.strictObject({
  /** `rate(6 hours)`, or `cron(0 2 * * ? *)`: minute, hour, day of month, month, day of week, year. */
  expression: z.string().superRefine((text, context) => {
    const fault = scheduleFault(text)
    if (fault === undefined) return
    context.addIssue({ code: 'custom', message: fault.words, params: { remedy: fault.remedy }, input: text })
  }),
  /** On whose clocks a cron is read; a rate knows none. */
  timezone,
})
