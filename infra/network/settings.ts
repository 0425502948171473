/** What serverless.yml's params say of the network that workers run in. Pure. */
import { MillraceError } from '../../shared/errors.ts'

export interface NetworkSettings {
  kind: 'public' | 'private' | 'existing'
  /** Names (`eu-central-1a`) of the zones to use; none: the first `zonesDefault` that the account has in the Region. */
  zones: string[]
  /** Of an existing network. */
  subnetIds: string[]
  securityGroupIds: string[]
  /** Ports that workers may reach; 443 is always among them. */
  egressPorts: number[]
  /** Whether workers of an existing network need a public address to reach AWS; Fargate asks. */
  publicAddress: boolean
}

export const zonesMax = 8
/** By its last letter a subnet is called, and gets its addresses. */
export const zoneName = /^[a-z]{2}(-[a-z]+)+-\d[a-h]$/
export const httpsPort = 443
/**
 * From texts as they stand in serverless.yml's params: lists separated by commas, empty for the default.
 * Errors: CONFIG_INVALID with every fault.
 */
export function networkSettings(param: (name: string) => string): NetworkSettings {
  const faults = networkFaults(param)
  if (faults.length === 0) return settingsOf(param)
  throw new MillraceError(
    'CONFIG_INVALID',
    `The network is not well described:\n${faults.map(each => `  ${each}`).join('\n')}`,
    {
      remedy: 'Correct these params (docs/deploy.md lists them).',
    },
  )
}

/** Each with the parameter's name before it; none: `networkSettings` takes it. */
export function networkFaults(param: (name: string) => string): string[] {
  return faultsOf(settingsOf(param))
}

function settingsOf(param: (name: string) => string): NetworkSettings {
  const list = (name: string): string[] =>
    param(name)
      .split(',')
      .map(one => one.trim())
      .filter(Boolean)
  const subnetIds = list('subnetIds')
  const kind = subnetIds.length > 0 ? 'existing' : param('network') || 'public'
  return {
    kind: kind as NetworkSettings['kind'],
    zones: list('zones'),
    subnetIds,
    securityGroupIds: list('securityGroupIds'),
    egressPorts: [...new Set([httpsPort, ...list('egressPorts').map(Number)])],
    publicAddress: param('publicAddress') === 'true',
  }
}

function faultsOf({ kind, zones, subnetIds, securityGroupIds, egressPorts }: NetworkSettings): string[] {
  const faults: string[] = []
  if (!['public', 'private', 'existing'].includes(kind))
    faults.push(`network: must be public or private, not ${kind}.`)
  if (subnetIds.length > 0 && securityGroupIds.length === 0)
    faults.push(
      'securityGroupIds: must be there with subnetIds; one that lets HTTPS out and nothing in will do.',
    )
  if (subnetIds.length === 0 && securityGroupIds.length > 0)
    faults.push('securityGroupIds: are of existing subnets only; give subnetIds as well.')
  if (zones.length > zonesMax || zones.some(zone => !zoneName.test(zone)))
    faults.push(`zones: must be at most ${zonesMax} names of zones, eu-central-1a,eu-central-1b.`)
  if (egressPorts.some(port => !Number.isInteger(port) || port < 1 || port > 65_535))
    faults.push('egressPorts: must be ports, 443,5432.')
  return faults
}
