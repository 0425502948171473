/** What the account and its Region offer, before anything is deployed there. */
import type { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import type { Pipeline } from '../../../shared/pipeline.ts'
import { stackName } from '../stacks.ts'
import type { OfferClients } from './clients.ts'
import { type Found, together } from './found.ts'
import { instanceNames, instanceOffer, offeredInstances, offers } from './instances.ts'
import { type Missing, missingRoles } from './linked-roles.ts'
import type { Params } from './params.ts'
import { quotaNotes } from './quotas.ts'
import { chosenZones, zonesDeployed, zonesOffered } from './zones.ts'

export interface Looked extends Found {
  /** Service-linked roles that the account does not have yet. */
  rolesMissing: Missing[]
}

export interface Place {
  stage: string
  region: string
  params: Params
  pipelines: readonly Pipeline[]
  /** Whether the stage's stack is there already. */
  isDeployed: boolean
}

/** Errors: the services' own, but of quotas, which are only spoken of. */
export async function lookAtOffer(
  place: Place,
  cloudformation: CloudFormationClient,
  { ec2, iam, quotas }: OfferClients,
): Promise<Looked> {
  const { stage, region, params, pipelines, isDeployed } = place
  const [offered, offer, deployed, rolesMissing, notes] = await Promise.all([
    zonesOffered(ec2),
    instanceOffer(ec2),
    isDeployed ? zonesDeployed(cloudformation, ec2, stackName(stage)) : new Map<string, string>(),
    missingRoles(iam),
    quotaNotes(quotas, params, pipelines),
  ])
  const wanted = instanceNames(params, pipelines)
  const isOfUse = (zone: string): boolean => wanted.some(name => offers(offer.get(zone) ?? new Set(), name))
  const found = together([
    chosenZones({ region, params, offered, deployed, isOfUse }),
    offeredInstances(offer, { region, params, pipelines }),
    { params: [], notes, faults: [] },
  ])
  return { ...found, rolesMissing }
}
