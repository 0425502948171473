/** Takes a stage out of AWS again, but for what is kept; only one that was named, and only where it is. */
import { MillraceError } from '../../shared/errors.ts'
import { accountFault, regionFault, regionOf, stageFaults } from './checks.ts'
import { buildFunctions, callPackager, placeArgs } from './deploy.ts'
import { type Fault, refuse } from './faults.ts'
import type { DeployOptions } from './options.ts'
import type { Parts } from './parts.ts'
import { registryOf } from './registry.ts'
import { stackName, stackNow } from './stacks.ts'

export type RemoveOptions = Pick<DeployOptions, 'stage' | 'region' | 'pipelinesDir'>

export interface Removed {
  stage: string
  region: string
  account: string
  /** Names of what outlives the stack, by output of the stack. */
  kept: Record<string, string>
}

/**
 * Errors: CONFIG_INVALID with all that is in the way, before anything is done; REQUEST_REFUSED where the packager fails.
 * @returns `undefined` where the person says no
 */
export async function remove(options: RemoveOptions, parts: Parts): Promise<Removed | undefined> {
  const { region, account, kept } = await lookedUp(options, parts)
  const where = `stage ${options.stage} from account ${account}, ${region}`
  if (!(await parts.confirm(`Remove ${where}? Jobs that run end with it; data, table and key are kept.`)))
    return undefined
  // The packager reads what is made of the pipelines, also to remove it.
  await buildFunctions(options, parts)
  const { code } = await callPackager(parts, ['remove', ...placeArgs(options.stage, region)])
  if (code === 0) return { stage: options.stage, region, account, kept }
  throw new MillraceError('REQUEST_REFUSED', `serverless ended with exit ${code}; its words are above`, {
    remedy: `See the events of stack ${stackName(options.stage)}; removing again goes on from there.`,
  })
}

async function lookedUp(options: RemoveOptions, parts: Parts): Promise<Omit<Removed, 'stage'>> {
  const region = await regionOf(options, parts)
  const place = region === undefined ? { faults: [regionFault] } : await stackAt(options.stage, region, parts)
  refuse([...stageFaults(options), ...('faults' in place ? place.faults : [])])
  if ('faults' in place) throw new MillraceError('INVARIANT_BROKEN', 'A stack without faults is there')
  return place
}

async function stackAt(
  stage: string,
  region: string,
  { clients }: Parts,
): Promise<Omit<Removed, 'stage'> | { faults: Fault[] }> {
  const { ecr, cloudformation } = clients(region)
  const name = stackName(stage)
  try {
    const { account } = await registryOf(ecr)
    const stack = await stackNow(cloudformation, name)
    if (stack === undefined) {
      const fault = `there is no stack ${name} in account ${account}, ${region}`
      return { faults: [{ fault, remedy: 'Check --stage, --region and the credentials.' }] }
    }
    const kept = Object.entries(stack.outputs).filter(([output]) => /Bucket$|^Table$|^Key$/.test(output))
    return { region, account, kept: Object.fromEntries(kept) }
  } catch (error) {
    return { faults: [accountFault(error as Error)] }
  }
}
