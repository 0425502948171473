/** How many vCPUs an account may have at once: Batch waits without a word where that is less than a fleet's limit. */
import type { ServiceQuotas } from '@aws-sdk/client-service-quotas'
import type { Pipeline } from '../../../shared/pipeline.ts'
import { type Fleet, fleetOf, sharedFleet } from '../../../shared/placement.ts'
import type { Params } from './params.ts'

type Kind = 'standard' | 'gpu' | 'fargate'

interface Quota {
  kind: Kind
  service: 'ec2' | 'fargate'
  code: string
  words: string
  param: 'maxvCpus' | 'maxvCpusOnDemand'
}

/** All count vCPUs. Source: Service Quotas' codes of EC2 and Fargate. */
const quotas: readonly Quota[] = [
  quota('standard', 'L-34B43A08', 'Spot, standard instances', 'maxvCpus'),
  quota('standard', 'L-1216C47A', 'on demand, standard instances', 'maxvCpusOnDemand'),
  quota('gpu', 'L-3819A6DF', 'Spot, G and VT instances', 'maxvCpus'),
  quota('gpu', 'L-DB2E81BA', 'on demand, G and VT instances', 'maxvCpusOnDemand'),
  quota('fargate', 'L-36FBB829', 'Fargate Spot', 'maxvCpus'),
  quota('fargate', 'L-3032A538', 'Fargate on demand', 'maxvCpusOnDemand'),
]

function quota(kind: Kind, code: string, words: string, param: Quota['param']): Quota {
  return { kind, service: kind === 'fargate' ? 'fargate' : 'ec2', code, words, param }
}

const kindOf = ({ platform, gpu }: Fleet): Kind =>
  platform === 'FARGATE' ? 'fargate' : gpu ? 'gpu' : 'standard'

/** Lines for a person; nothing here stops a deployment. */
export async function quotaNotes(
  client: ServiceQuotas,
  params: Params,
  pipelines: readonly Pipeline[],
): Promise<string[]> {
  const kinds = new Set([sharedFleet, ...pipelines.map(fleetOf)].map(kindOf))
  const asked = quotas.filter(({ kind }) => kinds.has(kind))
  const found = await Promise.allSettled(asked.map(one => quotaNow(client, one)))
  const notes = asked.flatMap((one, at) => {
    const result = found[at]
    return result?.status === 'fulfilled' ? noteOf(one, result.value, params, pipelines) : []
  })
  const failed = found.find(result => result.status === 'rejected')
  if (failed === undefined) return notes
  const { name } = failed.reason as Error
  return [
    ...notes,
    `the account's quotas for vCPUs could not all be looked up (${name}): Batch waits where one is reached`,
  ]
}

async function quotaNow(client: ServiceQuotas, { service, code }: Quota): Promise<number | undefined> {
  const { Quota } = await client.getServiceQuota({ ServiceCode: service, QuotaCode: code })
  return Quota?.Value
}

function noteOf(
  { kind, service, code, words, param }: Quota,
  vcpus: number | undefined,
  params: Params,
  pipelines: readonly Pipeline[],
): string[] {
  const wanted = Number(params.text(param))
  if (vcpus === undefined || !(vcpus < wanted)) return []
  const jobs = pipelines
    .filter(pipeline => kindOf(fleetOf(pipeline)) === kind)
    .map(({ name, job }) => ({ name, vcpus: job.vcpus }))
  const never = jobs.filter(job => job.vcpus > vcpus).map(({ name }) => name)
  const least = Math.min(...jobs.map(job => job.vcpus))
  const atOnce = jobs.length === 0 ? '' : `, so at most ${Math.floor(vcpus / least)} partitions at once`
  const none = never.length === 0 ? '' : ` (none of ${never.join(', ')})`
  return [
    `quota ${code} (${words}) is ${vcpus} vCPUs, ${param} ${wanted}${atOnce}${none}. For more: aws service-quotas ` +
      `request-service-quota-increase --service-code ${service} --quota-code ${code} --desired-value ${wanted}`,
  ]
}
