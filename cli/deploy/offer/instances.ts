/** Families and types of instances: Batch makes no compute environment that names one which the Region does not offer. */
import type { EC2 } from '@aws-sdk/client-ec2'
import { MillraceError } from '../../../shared/errors.ts'
import type { Pipeline } from '../../../shared/pipeline.ts'
import { type Fleet, fleetOf, sharedFleet } from '../../../shared/placement.ts'
import type { Fault } from '../faults.ts'
import { type Found, together } from './found.ts'
import type { Params } from './params.ts'

/** Names of types, by the name of the zone that offers them. */
export type Offer = ReadonlyMap<string, ReadonlySet<string>>

const typesPerPage = 1000
/** us-east-1, which has the most zones and types, has 7. */
const pagesMax = 50

/** All that the account's zones in the Region offer. */
export async function instanceOffer(ec2: EC2): Promise<Offer> {
  const offer = new Map<string, Set<string>>()
  let NextToken: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const answer = await ec2.describeInstanceTypeOfferings({
      LocationType: 'availability-zone',
      MaxResults: typesPerPage,
      ...(NextToken !== undefined && { NextToken }),
    })
    for (const { InstanceType = '', Location = '' } of answer.InstanceTypeOfferings ?? []) {
      offer.set(Location, (offer.get(Location) ?? new Set()).add(InstanceType))
    }
    NextToken = answer.NextToken || undefined
    if (NextToken === undefined) return offer
  }
  throw new MillraceError('MALFORMED', `EC2 lists instance types on more than ${pagesMax} pages`)
}

/** Batch's own names for lists that it keeps to what a Region has. */
const ofBatch = /^(optimal|default_x86_64|default_arm64)$/

/** Whether one of these families or types is to be had there. */
export function offers(types: ReadonlySet<string>, name: string): boolean {
  if (ofBatch.test(name) || types.has(name)) return true
  return !name.includes('.') && [...types].some(type => type.startsWith(`${name}.`))
}

type ListName = 'instanceTypes' | 'instanceTypesArm64' | 'instanceTypesGpu'

/** Where a fleet's types are written down; `undefined`: in the pipeline, or nowhere, for Fargate has none. */
function listOf({ platform, instances, gpu, architecture }: Fleet): ListName | undefined {
  if (platform === 'FARGATE' || instances !== undefined) return undefined
  if (gpu) return 'instanceTypesGpu'
  return architecture === 'arm64' ? 'instanceTypesArm64' : 'instanceTypes'
}

function listsOf(pipelines: readonly Pipeline[]): ListName[] {
  return [...new Set([sharedFleet, ...pipelines.map(fleetOf)].flatMap(fleet => listOf(fleet) ?? []))]
}

/** Every family and type that this deployment would ask for. */
export function instanceNames(params: Params, pipelines: readonly Pipeline[]): string[] {
  const own = pipelines.flatMap(({ job }) => job.instances?.types ?? [])
  return [...own, ...listsOf(pipelines).flatMap(name => (params.isVariable(name) ? [] : params.list(name)))]
}

/** Drops from the defaults what the Region lacks; what a person named, and it lacks, is a fault. */
export function offeredInstances(
  offer: Offer,
  { region, params, pipelines }: { region: string; params: Params; pipelines: readonly Pipeline[] },
): Found {
  const types = new Set([...offer.values()].flatMap(ofZone => [...ofZone]))
  const lacking = (names: readonly string[]): string[] => names.filter(name => !offers(types, name))
  const lists = listsOf(pipelines).filter(name => !params.isVariable(name))
  const own = pipelines.flatMap(({ name, job }) =>
    faultOf(`pipeline ${name}: job.instances.types`, lacking(job.instances?.types ?? []), region),
  )
  return together([
    { params: [], notes: [], faults: own },
    ...lists.map(name => {
      const all = params.list(name)
      return ofList(name, all, lacking(all), region, params.isGiven(name))
    }),
  ])
}

function ofList(
  name: ListName,
  all: readonly string[],
  lacks: readonly string[],
  region: string,
  isGiven: boolean,
): Found {
  if (lacks.length === 0) return { params: [], notes: [], faults: [] }
  const left = all.filter(one => !lacks.includes(one))
  if (isGiven || left.length === 0)
    return { params: [], notes: [], faults: faultOf(name, lacks, region, left) }
  return {
    params: [`${name}=${left.join(',')}`],
    notes: [`${region} does not offer ${lacks.join(', ')}: ${name} goes without`],
    faults: [],
  }
}

function faultOf(
  where: string,
  lacks: readonly string[],
  region: string,
  left: readonly string[] = [],
): Fault[] {
  if (lacks.length === 0) return []
  const choose = `\`aws ec2 describe-instance-type-offerings --region ${region}\` lists what it does.`
  const remedy =
    left.length === 0
      ? `Name others, or deploy to another Region: ${choose}`
      : `Leave them out: ${left.join(',')}`
  return [{ fault: `${where}: ${region} does not offer ${lacks.join(', ')}`, remedy }]
}
