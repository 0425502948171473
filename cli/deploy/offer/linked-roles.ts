/** Roles that AWS's services act by, one of each per account: made once, by whoever is allowed to. */
import type { IAM } from '@aws-sdk/client-iam'
import { MillraceError } from '../../../shared/errors.ts'

export interface LinkedRole {
  role: string
  service: string
  /** Whether Batch, once it has its own, makes it when it is needed. Source: BatchServiceRolePolicy. */
  byBatch: boolean
}

export const linkedRoles: readonly LinkedRole[] = [
  { role: 'AWSServiceRoleForBatch', service: 'batch.amazonaws.com', byBatch: false },
  { role: 'AWSServiceRoleForECS', service: 'ecs.amazonaws.com', byBatch: true },
  { role: 'AWSServiceRoleForEC2Spot', service: 'spot.amazonaws.com', byBatch: true },
]

export interface Missing extends LinkedRole {
  /** `false`: whoever deploys may not look. */
  isKnown: boolean
}

export async function missingRoles(iam: IAM): Promise<Missing[]> {
  const looks = linkedRoles.map(async (linked): Promise<Missing[]> => {
    try {
      await iam.getRole({ RoleName: linked.role })
      return []
    } catch (error) {
      const { name } = error as Error
      if (name !== 'NoSuchEntityException' && !/AccessDenied/.test(name)) throw error
      return [{ ...linked, isKnown: name === 'NoSuchEntityException' }]
    }
  })
  return (await Promise.all(looks)).flat()
}

const byHand = (missing: readonly LinkedRole[]): string =>
  missing.map(({ service }) => `aws iam create-service-linked-role --aws-service-name ${service}`).join('; ')

/**
 * @returns a line on what was left to Batch, or to whoever is in charge
 * Errors: NOT_ALLOWED where nothing can be made without it, with what to call; the service's own.
 */
export async function makeRoles(iam: IAM, missing: readonly Missing[]): Promise<string[]> {
  const denied: Missing[] = []
  for (const linked of missing) if (!(await isMade(iam, linked))) denied.push(linked)
  if (denied.length === 0) return []
  const needed = denied.filter(({ isKnown, byBatch }) => isKnown && !byBatch)
  if (needed.length > 0) {
    const names = needed.map(({ role }) => role).join(', ')
    throw new MillraceError('NOT_ALLOWED', `${names} is not in the account, and you may not make it`, {
      remedy: `Somebody who has iam:CreateServiceLinkedRole does it once: ${byHand(denied)}.`,
    })
  }
  return [
    `you may not make ${denied.map(({ role }) => role).join(', ')}; where one lacks, and Batch cannot make it either, nothing starts until somebody does: ${byHand(denied)}`,
  ]
}

async function isMade(iam: IAM, { service }: LinkedRole): Promise<boolean> {
  try {
    await iam.createServiceLinkedRole({ AWSServiceName: service })
    return true
  } catch (error) {
    const { name, message } = error as Error
    // Somebody was quicker, or it was there all along.
    if (/has been taken/.test(message)) return true
    if (/AccessDenied/.test(name)) return false
    throw error
  }
}
