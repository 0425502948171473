/** The account's registry of images. */
import { DescribeImagesCommand, type ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import { MillraceError } from '../../shared/errors.ts'

export interface Registry {
  account: string
  /** `123456789012.dkr.ecr.eu-central-1.amazonaws.com` */
  host: string
  /** For twelve hours. */
  password: string
}

/** Errors: the service's own, and the SDK's where it finds no credentials. */
export async function registryOf(client: ECRClient): Promise<Registry> {
  const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}))
  const [data] = authorizationData ?? []
  const host = (data?.proxyEndpoint ?? '').replace(/^https:\/\//, '')
  const [, password] = Buffer.from(data?.authorizationToken ?? '', 'base64')
    .toString()
    .split(':')
  if (host === '' || password === undefined) {
    throw new MillraceError('MALFORMED', 'ECR answered without a registry or a token')
  }
  return { account: host.split('.')[0] ?? '', host, password }
}

/** `sha256:...`; `undefined`: no image has that tag. */
export async function digestOf(
  client: ECRClient,
  repositoryName: string,
  imageTag: string,
): Promise<string | undefined> {
  try {
    const { imageDetails } = await client.send(
      new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag }] }),
    )
    return imageDetails?.[0]?.imageDigest
  } catch (error) {
    if ((error as Error).name === 'ImageNotFoundException') return undefined
    throw error
  }
}
