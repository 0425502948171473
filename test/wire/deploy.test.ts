/** The image's stack and its registry, as CloudFormation, ECR, S3 and CodeBuild that somebody else wrote take them. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  type ComputeType,
  CreateProjectCommand,
  type CreateProjectCommandInput,
  type EnvironmentType,
  type SourceType,
} from '@aws-sdk/client-codebuild'
import { DescribeRepositoriesCommand, PutImageCommand } from '@aws-sdk/client-ecr'
import { GetObjectCommand, HeadBucketCommand } from '@aws-sdk/client-s3'
import { buildWithCodeBuild } from '../../cli/deploy/codebuild.ts'
import { imageTemplateFile } from '../../cli/deploy/image.ts'
import { type Clients, clientsWith } from '../../cli/deploy/parts.ts'
import { digestOf, registryOf } from '../../cli/deploy/registry.ts'
import { imageStackName, putStack, stackName, stackNow } from '../../cli/deploy/stacks.ts'
import { readYaml } from '../../local/serverless/variables.ts'
import { credentials, region, type Server, secondOpinions } from './servers.ts'

const { moto } = secondOpinions
const root = path.resolve(import.meta.dirname, '../..')

if (moto.missing === undefined) describe('the image of a deployment', onMoto)
else it('cannot ask moto for the image of a deployment', { skip: moto.missing })

/** moto 5.2.5 makes up a name with capitals, which ECR takes from nobody. */
const named = (body: string): string =>
  body.replace('ImageTagMutability:', 'RepositoryName: millrace-wire-worker\n      ImageTagMutability:')

/** As the stack has it, but for what refers to its other parts. */
async function projectOf(name: string): Promise<CreateProjectCommandInput> {
  const template = readYaml(path.join(root, imageTemplateFile)) as {
    Resources: { Build: { Properties: object } }
  }
  const { Environment, Source, TimeoutInMinutes } = template.Resources.Build.Properties as Properties
  return {
    name,
    serviceRole: 'arn:aws:iam::123456789012:role/build',
    timeoutInMinutes: TimeoutInMinutes,
    artifacts: { type: 'NO_ARTIFACTS' },
    environment: {
      type: Environment.Type,
      computeType: Environment.ComputeType,
      image: Environment.Image,
      privilegedMode: Environment.PrivilegedMode,
    },
    source: { type: Source.Type, location: 'none/none/', buildspec: Source.BuildSpec },
  }
}

interface Properties {
  Environment: { Type: EnvironmentType; ComputeType: ComputeType; Image: string; PrivilegedMode: boolean }
  Source: { Type: SourceType; BuildSpec: string }
  TimeoutInMinutes: number
}

const tag = 'worker-0123456789'
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
  config: {
    mediaType: 'application/vnd.docker.container.image.v1+json',
    size: 2,
    digest: `sha256:${'1'.repeat(64)}`,
  },
  layers: [],
})

function onMoto(): void {
  let server: Server
  let clients: Clients
  let outputs: Record<string, string>
  const clock = { now: () => 0, sleep: async () => {}, random: () => 0.5 }
  const wanted = async (Builds: string) => ({
    name: imageStackName('wire'),
    body: named(await readFile(path.join(root, imageTemplateFile), 'utf8')),
    parameters: { Stage: 'wire', Builds },
    tags: { project: 'millrace', stage: 'wire' },
  })

  before(async () => {
    server = await moto.start()
    clients = clientsWith({ region, credentials, endpoint: server.url, maxAttempts: 1, forcePathStyle: true })
  })
  after(() => server.stop())

  it('is not there before, and nor is the stage', async () => {
    assert.equal(await stackNow(clients.cloudformation, imageStackName('wire')), undefined)
    assert.equal(await stackNow(clients.cloudformation, stackName('wire')), undefined)
  })

  it('has a repository first, and only that', async () => {
    const made = await putStack(clients.cloudformation, clock, await wanted('no'))
    assert.equal(made.status, 'CREATE_COMPLETE')
    assert.deepEqual(Object.keys(made.outputs).toSorted(), ['Builds', 'RepositoryName', 'RepositoryUri'])
    const { repositories } = await clients.ecr.send(new DescribeRepositoriesCommand({}))
    const [repository] = repositories ?? []
    assert.equal(repository?.repositoryUri, made.outputs.RepositoryUri)
    assert.equal(repository?.imageTagMutability, 'IMMUTABLE')
  })

  it('has the sources of what builds it, once that is asked for', async () => {
    outputs = (await putStack(clients.cloudformation, clock, await wanted('yes'))).outputs
    assert.equal(outputs.Builds, 'yes')
    assert.deepEqual((await putStack(clients.cloudformation, clock, await wanted('yes'))).outputs, outputs)
    await clients.s3.send(new HeadBucketCommand({ Bucket: outputs.Sources ?? '' }))
  })

  it('is found by its tag, and not before it is there', async () => {
    const repositoryName = outputs.RepositoryName ?? ''
    assert.equal(await digestOf(clients.ecr, repositoryName, tag), undefined)
    const put = {
      repositoryName,
      imageTag: tag,
      imageManifest: manifest,
      imageDigest: `sha256:${'2'.repeat(64)}`,
    }
    const { image } = await clients.ecr.send(new PutImageCommand(put))
    assert.equal(await digestOf(clients.ecr, repositoryName, tag), image?.imageId?.imageDigest)
  })

  it('has a registry, of the account, that Docker logs in to', async () => {
    const { account, host, password } = await registryOf(clients.ecr)
    assert.equal(account, '123456789012')
    assert.equal(host, outputs.RepositoryUri?.split('/')[0])
    assert.notEqual(password, '')
  })

  it('is built from the files that were handed over', async () => {
    const files = [{ name: 'worker/main.ts', text: Buffer.from('a worker') }]
    const { Sources: sources = '' } = outputs
    const project = 'millrace-wire-image'
    // moto 5.2.5 makes no project of a stack.
    await clients.codebuild.send(new CreateProjectCommand(await projectOf(project)))
    await buildWithCodeBuild({ clock, say: () => {} }, clients, {
      project,
      sources,
      tag,
      platforms: ['linux/amd64'],
      files,
    })
    const { Body } = await clients.s3.send(
      new GetObjectCommand({ Bucket: sources, Key: `${tag}/worker/main.ts` }),
    )
    assert.equal(await Body?.transformToString(), 'a worker')
  })
}
