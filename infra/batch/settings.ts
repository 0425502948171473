/** What the parameters of a stage say about Batch. Pure. */
import * as z from 'zod'
import { MillraceError } from '../../shared/errors.ts'
import { type NetworkSettings, networkFaults, networkSettings } from '../network/settings.ts'

/** A command line knows text only. */
const yesOrNo = z.union([z.boolean(), z.enum(['true', 'false']).transform(text => text === 'true')], {
  error: 'must be true or false',
})
const vcpusMax = 100_000
const vcpusFault = { error: `must be a whole number from 1 to ${vcpusMax}` }
const vcpus = z.coerce.number(vcpusFault).int(vcpusFault).min(1, vcpusFault).max(vcpusMax, vcpusFault)
const names = z
  .string()
  .transform(text => text.split(',').map(name => name.trim()))
  .pipe(z.array(z.string().regex(/^[a-z0-9][a-z0-9_.-]*$/, { error: 'must be a family or a type' })).min(1))

const schema = z.object({
  stage: z.string().min(1),
  /** Empty: not known yet; Batch refuses a job definition without one, and so the stack is not deployed. */
  image: z.string(),
  maxvCpus: vcpus,
  maxvCpusOnDemand: vcpus,
  fairShare: yesOrNo,
  instanceTypes: names,
  instanceTypesArm64: names,
  instanceTypesGpu: names,
})

export type Settings = z.output<typeof schema> & { jobPrefix: string; network: NetworkSettings }

/** Parameters of serverless.yml: `param:` and each of these. */
export const paramNames = [
  ...Object.keys(schema.shape).filter(name => name !== 'stage'),
  'network',
  'zones',
  'subnetIds',
  'securityGroupIds',
  'egressPorts',
  'publicAddress',
]

/**
 * @param params `stage`, and all of `paramNames`
 * Errors: CONFIG_INVALID, with every parameter that cannot be what it is.
 */
export function settingsFrom(params: Readonly<Record<string, unknown>>): Settings {
  const result = schema.safeParse(params)
  const ofNetwork = (name: string): string => String(params[name] ?? '')
  if (result.success) {
    const network = networkSettings(ofNetwork)
    return { ...result.data, jobPrefix: `millrace-${result.data.stage}`, network }
  }
  const own = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  const faults = [...own, ...networkFaults(ofNetwork)].map(fault => `  ${fault}`)
  throw new MillraceError('CONFIG_INVALID', `Parameters of this stage are wrong:\n${faults.join('\n')}`, {
    remedy: 'Correct them under `params` in serverless.yml, or in --param.',
  })
}
