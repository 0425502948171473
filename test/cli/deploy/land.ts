/** An account in a Region that has what a test says it has. */

export type Answers = Record<string, (input: Record<string, unknown>) => object>

export interface Land {
  /** Families, by zone. */
  families: Record<string, string[]>
  /** As EC2 describes them, beside those above. */
  otherZones: object[]
  /** Subnets of the stage's stack: zone by logical id. */
  subnets: Record<string, string>
  /** vCPUs by code; `undefined`: the service answers without a value. */
  quotas: Record<string, number>
  roles: Set<string>
}

const x86 = [
  'c7i',
  'm7i',
  'c5',
  'm5',
  'r5',
  'm6i',
  'r6i',
  'c6i',
  'r7i',
  'm6a',
  'c6a',
  'r6a',
  'c7a',
  'm7a',
  'r7a',
]
const others = ['c6g', 'm6g', 'r6g', 'r7g', 'c7g', 'm7g', 'm8g', 'c8g', 'r8g', 'g4dn', 'g5', 'g6']
export const everyFamily = [...x86, ...others]

/** eu-central-1, with all that anybody can want. */
export function land(): Land {
  return {
    families: Object.fromEntries(['a', 'b', 'c'].map(letter => [`eu-central-1${letter}`, everyFamily])),
    otherZones: [],
    subnets: {},
    quotas: {},
    roles: new Set(['AWSServiceRoleForBatch', 'AWSServiceRoleForECS', 'AWSServiceRoleForEC2Spot']),
  }
}

const linked: Record<string, string> = {
  'batch.amazonaws.com': 'AWSServiceRoleForBatch',
  'ecs.amazonaws.com': 'AWSServiceRoleForECS',
  'spot.amazonaws.com': 'AWSServiceRoleForEC2Spot',
}

const failed = (name: string, message: string): Error => Object.assign(new Error(message), { name })
const typesPerPage = 20

export function landAnswers(there: Land): Answers {
  return {
    DescribeAvailabilityZonesCommand: () => ({ AvailabilityZones: zonesOf(there) }),
    DescribeInstanceTypeOfferingsCommand: ({ NextToken = '0' }) => offerOf(there, Number(NextToken)),
    ListStackResourcesCommand: () => ({
      StackResourceSummaries: Object.keys(there.subnets).map(id => ({
        LogicalResourceId: id,
        PhysicalResourceId: `subnet-${id}`,
      })),
    }),
    DescribeSubnetsCommand: () => ({
      Subnets: Object.entries(there.subnets).map(([id, AvailabilityZone]) => ({
        SubnetId: `subnet-${id}`,
        AvailabilityZone,
      })),
    }),
    GetServiceQuotaCommand: ({ QuotaCode }) => ({
      Quota: { Value: there.quotas[String(QuotaCode)] ?? 5000 },
    }),
    GetRoleCommand: ({ RoleName }) => {
      if (there.roles.has(String(RoleName))) return { Role: { RoleName } }
      throw failed('NoSuchEntityException', `The role with name ${RoleName} cannot be found.`)
    },
    CreateServiceLinkedRoleCommand: ({ AWSServiceName }) => {
      const role = linked[String(AWSServiceName)] ?? ''
      if (there.roles.has(role)) {
        throw failed(
          'InvalidInputException',
          `Service role name ${role} has been taken in this account, please try a different suffix.`,
        )
      }
      there.roles.add(role)
      return {}
    },
  }
}

function zonesOf({ families, otherZones }: Land): object[] {
  const known = Object.keys(families).map(ZoneName => ({
    ZoneName,
    State: 'available',
    ZoneType: 'availability-zone',
    OptInStatus: 'opt-in-not-required',
  }))
  // EC2 promises no order.
  return [...known, ...otherZones].toReversed()
}

function offerOf({ families }: Land, from: number): object {
  const all = Object.entries(families).flatMap(([Location, names]) =>
    names.flatMap(name => ['large', 'xlarge'].map(size => ({ Location, InstanceType: `${name}.${size}` }))),
  )
  const next = from + typesPerPage
  return {
    InstanceTypeOfferings: all.slice(from, next),
    ...(next < all.length && { NextToken: String(next) }),
  }
}
