/** The image of a pipeline's jobs, and where it is fetched from. Pure. */
import type { Pipeline } from '../../shared/pipeline.ts'
import { type Node, sub } from './cloudformation.ts'
import type { Settings } from './settings.ts'

/** As in worker/Dockerfile: the agent has one folder, in our image and in any other. */
export const workerCommand = ['/opt/millrace/bin/node', '/opt/millrace/worker/main.ts']

export function imageOf({ job }: Pick<Pipeline, 'job'>, { image }: Settings): string {
  return job.image ?? image
}

const registry = /^(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)/

/** Its Arn; `undefined` where the image comes from a registry that asks nobody who he is. */
export function repositoryOf(pipeline: Pick<Pipeline, 'job'>, settings: Settings): Node | undefined {
  const [, account, region, repository] = registry.exec(imageOf(pipeline, settings)) ?? []
  if (repository === undefined) return undefined
  return sub(`arn:\${AWS::Partition}:ecr:${region}:${account}:repository/${repository}`)
}
