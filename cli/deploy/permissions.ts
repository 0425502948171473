/** The IAM actions that whoever deploys needs, from infra/deployer.yml, for what the templates have. Pure. */
import { madeResources, type Template } from './template.ts'

/** By type of resource, or `deploy` and `codebuild`; then by service. */
export type Deployer = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

export const deployerFile = 'infra/deployer.yml'

/** `service:Action`, in order. */
export function actionsFor(templates: readonly Template[], deployer: Deployer): string[] {
  const types = typesIn(templates)
  const builds = types.includes('AWS::CodeBuild::Project') ? ['codebuild'] : []
  const actions = ['deploy', ...builds, ...types].flatMap(name =>
    Object.entries(deployer[name] ?? {}).flatMap(([service, names]) => names.map(one => `${service}:${one}`)),
  )
  return [...new Set(actions)].toSorted()
}

/** Types of which nobody has said what making them takes. */
export function unknownTypes(templates: readonly Template[], deployer: Deployer): string[] {
  return typesIn(templates).filter(type => !(type in deployer))
}

function typesIn(templates: readonly Template[]): string[] {
  return [...new Set(templates.flatMap(madeResources).map(([, { Type }]) => Type))]
}
