/** The worker's image in the account's registry: built where it is not there yet, and named by its digest. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { buildWithCodeBuild } from './codebuild.ts'
import { buildWithDocker } from './docker.ts'
import { imageFiles, imageTag, platformsOf } from './image-files.ts'
import type { Builder } from './options.ts'
import type { Clients, Parts } from './parts.ts'
import { digestOf, type Registry } from './registry.ts'
import { imageStackName, putStack, type StackNow, stackNow } from './stacks.ts'

export const imageTemplateFile = 'infra/image.yml'

export interface Image {
  /** `<repository>@sha256:...` */
  image: string
  tag: string
  platforms: string[]
  built: boolean
}

/** The stack with the repository, and with the project that builds once anybody has asked for it. */
export async function putImageStack(
  { root, clock }: Parts,
  { cloudformation }: Clients,
  stage: string,
  builder: Builder,
): Promise<StackNow> {
  const name = imageStackName(stage)
  const before = await stackNow(cloudformation, name)
  const builds = builder === 'codebuild' || before?.outputs.Builds === 'yes'
  return putStack(cloudformation, clock, {
    name,
    body: await readFile(path.join(root, imageTemplateFile), 'utf8'),
    parameters: { Stage: stage, Builds: builds ? 'yes' : 'no' },
    tags: { project: 'millrace', stage },
  })
}

export async function putImage(
  parts: Parts,
  clients: Clients,
  into: { stack: StackNow; registry: Registry; builder: Builder; pipelines: readonly Pipeline[] },
): Promise<Image> {
  const platforms = platformsOf(into.pipelines)
  const files = await imageFiles(parts.root)
  const tag = imageTag(files, platforms)
  const { RepositoryUri: repositoryUri = '', Project = '', Sources = '' } = into.stack.outputs
  const repository = repositoryUri.slice(repositoryUri.indexOf('/') + 1)
  const there = await digestOf(clients.ecr, repository, tag)
  if (there !== undefined) return { image: `${repositoryUri}@${there}`, tag, platforms, built: false }
  parts.say(`building ${repositoryUri}:${tag} for ${platforms.join(' and ')}`)
  if (into.builder === 'docker') {
    await buildWithDocker(parts, into.registry, { repositoryUri, tag, platforms })
  } else {
    await buildWithCodeBuild(parts, clients, { project: Project, sources: Sources, tag, platforms, files })
  }
  const digest = await digestOf(clients.ecr, repository, tag)
  if (digest === undefined) {
    throw new MillraceError('NOT_FOUND', `${repositoryUri}:${tag} was built, and is not in the repository`, {
      remedy: 'Look at what the build said of its push.',
    })
  }
  return { image: `${repositoryUri}@${digest}`, tag, platforms, built: true }
}
