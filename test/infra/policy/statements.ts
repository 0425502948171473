/** IAM as our roles use it: what a role is granted, and whether a call is within that. */
import { idOf, type Node, ofType, type Template } from '../packaged.ts'
import { resolved } from './resolve.ts'

/** One thing that a call must be allowed to do. */
export interface Need {
  action: string
  resource: string
  /** The condition keys that the service sets for it. */
  context?: Readonly<Record<string, string>>
}

/** One action on one resource pattern, as far as its conditions hold. */
export interface Grant {
  action: string
  resource: string
  /** By operator and condition key: one value, all of which must hold. */
  condition: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** Every role's grants, by its logical id: its own, and those of policies that are put to it. Errors: a statement that this evaluator would get wrong. */
export function grantsOf(template: Template): Map<string, Grant[]> {
  return new Map(
    ofType(template, 'AWS::IAM::Role').map(([id, { Properties }]) => {
      const inline = resolved(Properties.Policies ?? [], template) as Node[]
      const policies = [...inline, ...attachedTo(id, template)].map(
        ({ PolicyDocument }) => (PolicyDocument as { Statement: Node[] }).Statement,
      )
      return [id, policies.flat(1).flatMap(statement => grantsIn(statement, id))]
    }),
  )
}

function attachedTo(role: string, template: Template): Node[] {
  return [...ofType(template, 'AWS::IAM::Policy'), ...ofType(template, 'AWS::IAM::ManagedPolicy')]
    .filter(([, { Properties }]) => (Properties.Roles as unknown[]).some(one => idOf(one) === role))
    .map(([, { Properties }]) => ({ PolicyDocument: resolved(Properties.PolicyDocument, template) }))
}

const known = ['Sid', 'Effect', 'Action', 'Resource', 'Condition']

export function grantsIn(statement: Node, where: string): Grant[] {
  const strange = Object.keys(statement).filter(name => !known.includes(name))
  if (strange.length > 0) throw new Error(`${where}: a statement with ${strange.join(', ')} is not evaluated`)
  if (statement.Effect !== 'Allow') throw new Error(`${where}: ${statement.Effect} is not evaluated`)
  const condition = (statement.Condition ?? {}) as Record<string, Record<string, string | string[]>>
  for (const operator of Object.keys(condition)) {
    if (!(operator in operators)) throw new Error(`${where}: the condition ${operator} is not evaluated`)
  }
  const resources = [statement.Resource].flat() as string[]
  return ([statement.Action].flat() as string[]).flatMap(action =>
    resources.flatMap(resource => alternatives(condition).map(one => ({ action, resource, condition: one }))),
  )
}

/** Of a condition with lists: each value by itself, so that one that nobody uses is seen. */
function alternatives(condition: Record<string, Record<string, string | string[]>>): Grant['condition'][] {
  const keys = Object.entries(condition).flatMap(([operator, tests]) =>
    Object.entries(tests).map(([key, wanted]) => ({ operator, key, values: [wanted].flat().map(String) })),
  )
  return keys.reduce<Grant['condition'][]>(
    (some, { operator, key, values }) =>
      some.flatMap(one => values.map(value => ({ ...one, [operator]: { ...one[operator], [key]: value } }))),
    [{}],
  )
}

/** Of a policy's variables, those that stand for a character which else means something. */
const patternParts = /\$\{([*?$])\}|[\s\S]/g

/** `*` is any run of characters, `?` any one. Source: IAM user guide, policy elements: Resource, and variables. */
export function matches(pattern: string, text: string): boolean {
  const source = pattern.replace(patternParts, (part, plain?: string) => {
    if (plain === undefined && (part === '*' || part === '?')) return part === '*' ? '.*' : '.'
    return (plain ?? part).replace(/[.+^${}()|[\]\\*?]/, String.raw`\$&`)
  })
  return new RegExp(`^${source}$`, 's').test(text)
}

const operators: Readonly<Record<string, (wanted: string, found: string) => boolean>> = {
  StringEquals: (wanted, found) => wanted === found,
  StringLike: matches,
  ArnEquals: matches,
  ArnLike: matches,
  // Of every value that the call has; ours have one.
  'ForAllValues:StringLike': matches,
}

/** Actions know no case; resources do. A condition on a key that the call does not have does not hold. */
export function allows(grant: Grant, { action, resource, context = {} }: Need): boolean {
  if (!matches(grant.action.toLowerCase(), action.toLowerCase()) || !matches(grant.resource, resource)) {
    return false
  }
  return Object.entries(grant.condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => {
      const found = context[key]
      return found !== undefined && operators[operator]?.(wanted, found) === true
    }),
  )
}

export interface Verdict {
  /** `role: action on resource`, each once. */
  outside: string[]
  unused: string[]
}

/** What each role was used for, held against what it is granted. */
export function judge(
  roles: ReadonlyMap<string, readonly Grant[]>,
  used: readonly { role: string; need: Need }[],
): Verdict {
  const outside = new Set<string>()
  const put = new Set<Grant>()
  for (const { role, need } of used) {
    const allowing = (roles.get(role) ?? []).filter(grant => allows(grant, need))
    if (allowing.length === 0) outside.add(`${role}: ${need.action} on ${need.resource}${told(need.context)}`)
    for (const grant of allowing) put.add(grant)
  }
  const unused = [...roles].flatMap(([role, grants]) =>
    grants
      .filter(grant => !put.has(grant))
      .map(
        ({ action, resource, condition }) =>
          `${role}: ${action} on ${resource}${told(...Object.values(condition))}`,
      ),
  )
  return { outside: [...outside].toSorted(), unused: [...new Set(unused)].toSorted() }
}

function told(...conditions: (Readonly<Record<string, string>> | undefined)[]): string {
  const pairs = conditions.flatMap((condition = {}) => Object.entries(condition))
  return pairs.map(([key, value]) => ` if ${key} is ${value}`).join('')
}
