/** What a person says of a deployment. */

export const builders = ['docker', 'codebuild', 'none'] as const
export type Builder = (typeof builders)[number]

export interface DeployOptions {
  stage: string
  /** Absent: the environment's, or the profile's. */
  region?: string
  /** `name=value`, as serverless.yml has them under `params`. */
  params: readonly string[]
  builder: Builder
  pipelinesDir: string
}
