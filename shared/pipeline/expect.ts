/** When files are to have come. Pure. */
import * as z from 'zod'
import { weekdays } from '../expectation.ts'
import { timezone } from './schedule.ts'

export const expectSchema = z.strictObject({
  /** The time of day, on the clocks of `timezone`. */
  by: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'must be a time of day, from 00:00 to 23:59' }),
  timezone,
  /** Since the deadline before. */
  files: z.int().min(1).max(10_000).default(1),
  /** Only keys like it: `*` and `?` stop at a slash, `**` does not. Default: all. */
  matching: z.string().min(1).max(1024).optional(),
  /** Those that have a deadline. Default: every day. */
  days: z
    .array(z.enum(weekdays))
    .min(1)
    .max(7)
    .default([...weekdays]),
})
