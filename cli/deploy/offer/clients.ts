/** The services that say what an account may use in a Region. */
import type { EC2, EC2ClientConfig } from '@aws-sdk/client-ec2'
import type { IAM } from '@aws-sdk/client-iam'
import type { ServiceQuotas } from '@aws-sdk/client-service-quotas'

export interface OfferClients {
  ec2: EC2
  iam: IAM
  quotas: ServiceQuotas
}

/** Loaded late: EC2's has hundreds of calls, and a dry run makes none. `settings`: as every client of the SDK takes them. */
export async function offerClients(settings: EC2ClientConfig): Promise<OfferClients> {
  const [{ EC2 }, { IAM }, { ServiceQuotas }] = await Promise.all([
    import('@aws-sdk/client-ec2'),
    import('@aws-sdk/client-iam'),
    import('@aws-sdk/client-service-quotas'),
  ])
  return { ec2: new EC2(settings), iam: new IAM(settings), quotas: new ServiceQuotas(settings) }
}
