/** What a deployment works with: this machine's programs, an account's services, and a person. */
import { CloudFormationClient, type CloudFormationClientConfig } from '@aws-sdk/client-cloudformation'
import { CodeBuildClient } from '@aws-sdk/client-codebuild'
import { ECRClient } from '@aws-sdk/client-ecr'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { Environment } from '../../shared/config.ts'
import type { Clock } from '../../shared/ports.ts'
import type { OfferClients } from './offer/clients.ts'

export interface Clients {
  cloudformation: CloudFormationClient
  ecr: ECRClient
  codebuild: CodeBuildClient
  s3: S3Client
}

export interface Parts {
  /** The checkout: where serverless.yml is. */
  root: string
  env: Environment
  clock: Clock
  /** One line of what is going on. */
  say(line: string): void
  confirm(question: string): Promise<boolean>
  /** `region` absent: wherever the SDK finds one. */
  clients(region: string | undefined): Clients
  offers(region: string): Promise<OfferClients>
}

export function awsClients(region: string | undefined): Clients {
  return clientsWith(region === undefined ? {} : { region })
}

/** `settings`: as every client of the SDK takes them. */
export function clientsWith(settings: S3ClientConfig & CloudFormationClientConfig): Clients {
  return {
    cloudformation: new CloudFormationClient(settings),
    ecr: new ECRClient(settings),
    codebuild: new CodeBuildClient(settings),
    s3: new S3Client(settings),
  }
}
