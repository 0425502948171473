/** What the parameters say that serverless.yml and infra/*.yml take as they are. Pure. */
import * as z from 'zod'

/** Source: PutRetentionPolicy. */
const retentionDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]
const whole = (error: string): z.ZodType => z.coerce.number({ error }).int({ error }).min(1, { error })
const days = whole('must be a number of days, 1 or more')

const schema = z.object({
  logRetentionInDays: z.enum(retentionDays.map(String), {
    error: `must be one of ${retentionDays.join(', ')}`,
  }),
  alarmEmail: z.string().regex(/^$|^[^\s@]+@[^\s@]+$/, { error: 'must be an address of e-mail' }),
  openRunSecondsMax: whole('must be a number of seconds, 1 or more'),
  vcpuHourDollars: z.string().regex(/^\d+(\.\d+)?$/, { error: 'must be a number of dollars, 0.02' }),
  keepRunsDays: days,
  keepPiecesDays: days,
  keepVersionsDays: days,
  deletionProtection: z.enum(['true', 'false'], { error: 'must be true or false' }),
  slackSecret: z.string(),
})

export const valueNames = Object.keys(schema.shape)

/** @returns every parameter that CloudFormation would refuse, minutes later and one by one: `name: what it must be` */
export function valueFaults(params: Readonly<Record<string, string>>): string[] {
  const { error } = schema.safeParse(params)
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
}
