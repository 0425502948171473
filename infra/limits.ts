/** What CloudFormation, IAM and Batch hold at most of what pipelines make, told before anything is deployed. Pure. */
import { MillraceError } from '../shared/errors.ts'

type Resource = Readonly<Record<string, unknown>>
type Resources = Readonly<Record<string, Resource>>

/** Of a stack. Source: CloudFormation's quotas. */
const resourcesMax = 500
const templateCharactersMax = 1_000_000
/** Of all inline policies of a role together; white space does not count. Source: IAM's quotas. */
const roleCharactersMax = 10_240
/** Source: Batch's service quotas, size of a RegisterJobDefinition. */
const definitionCharactersMax = 24 * 1024

/** What a stage has whatever its pipelines are: resources, their characters, and those of a function's own role. */
export const fixedPart = { resources: 80, characters: 90_000, roleCharacters: 3_000 }

/**
 * Errors: CONFIG_INVALID with everything that is too large, and of which pipelines.
 * @param generated all that is made for the pipelines, by logical id
 */
export function refuseTooLarge(generated: Resources): void {
  const faults = [...ofTheStack(generated), ...ofRoles(generated), ...ofDefinitions(generated)]
  if (faults.length === 0) return
  const lines = faults.map(fault => `  ${fault}`).join('\n')
  throw new MillraceError('CONFIG_INVALID', `These pipelines are too much for one stage:\n${lines}`, {
    remedy: 'Deploy some of them as another stage (--pipelines, --stage), or shorten what is named.',
  })
}

function ofTheStack(generated: Resources): string[] {
  const resources = Object.keys(generated).length + fixedPart.resources
  const characters = JSON.stringify(generated).length + fixedPart.characters
  return [
    ...tooLarge('the stack', resources, resourcesMax, 'resources'),
    ...tooLarge('the template', characters, templateCharactersMax, 'characters'),
  ]
}

/** A role's own, and those that are put to it. */
function ofRoles(generated: Resources): string[] {
  const lengths = new Map<string, number>()
  const add = (role: string, length: number): void => {
    const ofFunctions = role in generated ? 0 : fixedPart.roleCharacters
    lengths.set(role, (lengths.get(role) ?? ofFunctions) + length)
  }
  for (const [id, { Type, Properties }] of Object.entries(generated)) {
    const { Policies = [], Roles = [], PolicyDocument } = Properties as Policied
    if (Type === 'AWS::IAM::Role')
      for (const inline of Policies) add(id, writtenLength(inline.PolicyDocument))
    if (Type === 'AWS::IAM::Policy') for (const { Ref } of Roles) add(Ref, writtenLength(PolicyDocument))
  }
  return [...lengths].flatMap(([role, length]) =>
    tooLarge(`policies of ${role}`, length, roleCharactersMax, 'characters'),
  )
}

interface Policied {
  Policies?: readonly { PolicyDocument: unknown }[]
  Roles?: readonly { Ref: string }[]
  PolicyDocument?: unknown
}

function ofDefinitions(generated: Resources): string[] {
  return Object.entries(generated)
    .filter(([, { Type }]) => Type === 'AWS::Batch::JobDefinition')
    .flatMap(([id, { Properties }]) =>
      tooLarge(id, writtenLength(Properties), definitionCharactersMax, 'characters'),
    )
}

function tooLarge(what: string, count: number, max: number, unit: string): string[] {
  return count <= max ? [] : [`${what}: ${count} ${unit}, and ${max} are the most`]
}

/** Of what stands for a reference: the longest Arns of ours have not much more. */
const referenceCharacters = 100

/** How long a document is once CloudFormation has filled it in; rather too long than too short. */
function writtenLength(value: unknown): number {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)?.length ?? 0
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + writtenLength(one) + 1, 2)
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Sub': text, 'Fn::Join': joined } = value as Filled
  if (Ref?.startsWith('AWS::')) return Ref.length
  if (Ref !== undefined || attribute !== undefined) return referenceCharacters
  if (text !== undefined) return text.replace(/\$\{(?!AWS::)[^}]*\}/g, ' '.repeat(referenceCharacters)).length
  if (joined !== undefined) return joined[1].reduce((sum: number, one) => sum + writtenLength(one), 0)
  return Object.entries(value).reduce((sum, [key, inner]) => sum + key.length + 4 + writtenLength(inner), 2)
}

interface Filled {
  Ref?: string
  'Fn::GetAtt'?: unknown
  'Fn::Sub'?: string
  'Fn::Join'?: readonly [string, readonly unknown[]]
}
