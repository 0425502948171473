/** Zones of the stage's own network: all that are of use, for each is a Spot pool of its own; and none is lost. */
import { type CloudFormationClient, ListStackResourcesCommand } from '@aws-sdk/client-cloudformation'
import type { EC2 } from '@aws-sdk/client-ec2'
import { zoneName, zonesMax } from '../../../infra/network/settings.ts'
import { type Found, nothing } from './found.ts'
import type { Params } from './params.ts'

/** CloudFormation lists a hundred on a page; a stack has at most 500. */
const pagesMax = 10

/** In order: those that the account may use, without Local Zones and Wavelength Zones. */
export async function zonesOffered(ec2: EC2): Promise<string[]> {
  const { AvailabilityZones = [] } = await ec2.describeAvailabilityZones({})
  return AvailabilityZones.filter(
    ({ State, ZoneType, OptInStatus }) =>
      State === 'available' && ZoneType === 'availability-zone' && OptInStatus !== 'not-opted-in',
  )
    .flatMap(({ ZoneName }) => ZoneName ?? [])
    .toSorted()
}

/** Zones that the stack has a subnet in, by the letter that its template calls the subnet by. */
export async function zonesDeployed(
  cloudformation: CloudFormationClient,
  ec2: EC2,
  StackName: string,
): Promise<Map<string, string>> {
  const letters = await subnetsOf(cloudformation, StackName)
  if (letters.size === 0) return new Map()
  const Filters = [{ Name: 'subnet-id', Values: [...letters.keys()] }]
  const { Subnets = [] } = await ec2.describeSubnets({ Filters })
  return new Map(
    Subnets.map(({ SubnetId = '', AvailabilityZone = '' }) => [
      letters.get(SubnetId) ?? '',
      AvailabilityZone,
    ]),
  )
}

/** Letter by id. */
async function subnetsOf(client: CloudFormationClient, StackName: string): Promise<Map<string, string>> {
  const letters = new Map<string, string>()
  let NextToken: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const answer = await client.send(
      new ListStackResourcesCommand({ StackName, ...(NextToken !== undefined && { NextToken }) }),
    )
    for (const { LogicalResourceId = '', PhysicalResourceId } of answer.StackResourceSummaries ?? []) {
      const [, letter] = /^Subnet([A-H])$/.exec(LogicalResourceId) ?? []
      if (letter !== undefined && PhysicalResourceId) letters.set(PhysicalResourceId, letter.toLowerCase())
    }
    NextToken = answer.NextToken
    if (NextToken === undefined) break
  }
  return letters
}

export interface Zones {
  region: string
  params: Params
  offered: readonly string[]
  /** By letter. */
  deployed: ReadonlyMap<string, string>
  /** Whether the zone offers an instance that the deployment asks for. */
  isOfUse(zone: string): boolean
}

/** Pure. */
export function chosenZones(look: Zones): Found {
  const { params, deployed, offered, isOfUse } = look
  if (params.isGiven('subnetIds')) return nothing
  if (params.isGiven('zones')) return params.isVariable('zones') ? nothing : givenZones(look)
  const there = [...deployed.values()]
  // The template would move a subnet, and its addresses are taken.
  if ([...deployed].some(([letter, zone]) => !zone.endsWith(letter))) {
    return {
      ...nothing,
      notes: [
        `the stage's subnets stay in ${there.join(', ')}: they were not laid out by their zones' names`,
      ],
    }
  }
  const fresh = offered.filter(zone => !there.includes(zone) && zoneName.test(zone))
  const useless = fresh.filter(zone => !isOfUse(zone))
  const zones = [...there, ...fresh.filter(isOfUse)].slice(0, zonesMax).toSorted()
  const gone = there.filter(zone => !offered.includes(zone))
  return {
    params: zones.length === 0 ? [] : [`zones=${zones.join(',')}`],
    notes: [
      ...gone.map(zone => `${zone} is not available now; the stage keeps its subnet there`),
      ...useless.map(zone => `${zone} is left out: it offers none of the instance types`),
    ],
    faults: [],
  }
}

function givenZones({ region, params, deployed, offered }: Zones): Found {
  const given = params.list('zones')
  const strange = given.filter(zone => !offered.includes(zone) && ![...deployed.values()].includes(zone))
  const lost = [...deployed.values()].filter(zone => !given.includes(zone))
  return {
    params: [],
    notes: lost.map(zone => `zones leaves out ${zone}, where the stage has a subnet: it will be deleted`),
    faults:
      strange.length === 0
        ? []
        : [
            {
              fault: `zones: this account cannot use ${strange.join(', ')} in ${region}`,
              remedy: `There are ${offered.join(',')}; without \`zones\` all of them are taken.`,
            },
          ],
  }
}
