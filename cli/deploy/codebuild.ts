/** Builds and pushes the worker's image in the account, from the same files, where there is no Docker. */
import { BatchGetBuildsCommand, type Build, StartBuildCommand, StatusType } from '@aws-sdk/client-codebuild'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { MillraceError } from '../../shared/errors.ts'
import type { ImageFile } from './image-files.ts'
import type { Clients, Parts } from './parts.ts'

const lookEveryMs = 5_000
/** An hour: the project itself gives up after half an hour in the queue and half an hour of work. */
const looksMax = 720
const uploadsAtOnce = 16

export interface CloudBuild {
  project: string
  /** Bucket that takes the files, below a folder named after the tag. */
  sources: string
  tag: string
  platforms: readonly string[]
  files: readonly ImageFile[]
}

/** Errors: REQUEST_REFUSED with the phase that failed and where its log is. */
export async function buildWithCodeBuild(
  { clock, say }: Pick<Parts, 'clock' | 'say'>,
  clients: Clients,
  build: CloudBuild,
): Promise<void> {
  await upload(clients, build)
  const started = await start(clients, build)
  let said = ''
  for (let looks = 0; looks < looksMax; looks++) {
    const now = await look(clients, started)
    if (now.buildStatus === StatusType.SUCCEEDED) return
    if (now.buildStatus !== StatusType.IN_PROGRESS) throw failed(now)
    const words = `CodeBuild: ${now.currentPhase?.toLowerCase() ?? 'started'}   ${now.logs?.deepLink ?? ''}`
    if (words !== said) say(words.trimEnd())
    said = words
    await clock.sleep(lookEveryMs)
  }
  throw new MillraceError('TEMPORARY_FAILURE', `The build ${started} is not done after an hour`)
}

/** CodeBuild takes a folder of a bucket as it is: no archive has to be made. */
async function upload({ s3 }: Clients, { sources, tag, files }: CloudBuild): Promise<void> {
  for (let first = 0; first < files.length; first += uploadsAtOnce) {
    await Promise.all(
      files
        .slice(first, first + uploadsAtOnce)
        .map(({ name, text }) =>
          s3.send(new PutObjectCommand({ Bucket: sources, Key: `${tag}/${name}`, Body: text })),
        ),
    )
  }
}

async function start({ codebuild }: Clients, build: CloudBuild): Promise<string> {
  const { build: started } = await codebuild.send(
    new StartBuildCommand({
      projectName: build.project,
      sourceLocationOverride: `${build.sources}/${build.tag}/`,
      environmentVariablesOverride: [
        { name: 'TAG', value: build.tag },
        { name: 'PLATFORMS', value: build.platforms.join(',') },
      ],
    }),
  )
  if (started?.id === undefined)
    throw new MillraceError('MALFORMED', 'CodeBuild started a build without an id')
  return started.id
}

async function look({ codebuild }: Clients, id: string): Promise<Build> {
  const { builds } = await codebuild.send(new BatchGetBuildsCommand({ ids: [id] }))
  return builds?.[0] ?? {}
}

function failed({ id, phases = [], logs, buildStatus }: Build): MillraceError {
  const phase = phases.find(({ phaseStatus }) => phaseStatus === StatusType.FAILED)
  const why = phase?.contexts?.map(({ message }) => message).join(' ') ?? ''
  const where = phase?.phaseType === undefined ? '' : ` in ${phase.phaseType.toLowerCase()}`
  return new MillraceError('REQUEST_REFUSED', `The build ${id} ended${where} as ${buildStatus}: ${why}`, {
    remedy: `Its log: ${logs?.deepLink ?? 'see the project in the CodeBuild console'}`,
  })
}
