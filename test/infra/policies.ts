/** Policy documents as the template has them, with its functions answered for one account and Region. */
import { at, idOf, type Node, ofType, resource, type Template, walk } from './packaged.ts'

export interface Statement {
  Sid: string
  Effect: string
  Action: string[]
  Resource: unknown[]
  Principal: unknown
  Condition: Node | undefined
  /** As it stands. */
  rest: Node
}

const pseudoParameters: Record<string, string> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'us-east-1',
  'AWS::AccountId': '123456789012',
}

/** Statements of a policy document, conditional ones included. */
export function statementsOf(document: Node): Statement[] {
  return (document.Statement as Node[])
    .map(statement => (statement['Fn::If'] as Node[] | undefined)?.[1] ?? statement)
    .map(statement => ({
      Sid: String(statement.Sid ?? ''),
      Effect: String(statement.Effect),
      Action: [statement.Action ?? []].flat() as string[],
      Resource: [statement.Resource ?? []].flat(),
      Principal: statement.Principal,
      Condition: statement.Condition as Node | undefined,
      rest: statement,
    }))
}

/** What a role's own policies allow, and those that are attached to it. */
export function grantsOf(id: string, template: Template): Statement[] {
  const role = resource(template, id, 'AWS::IAM::Role')
  const own = ((role.Policies ?? []) as Node[]).map(({ PolicyDocument }) => PolicyDocument)
  return [...own, ...attachedTo(id, template)].flatMap(document => statementsOf(document as Node))
}

/** Documents of policies that are resources of their own. */
export function attachedTo(id: string, template: Template): unknown[] {
  return ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy'].flatMap(type =>
    ofType(template, type)
      .filter(([, { Properties }]) => (Properties.Roles as unknown[]).some(role => idOf(role) === id))
      .map(([, { Properties }]) => Properties.PolicyDocument),
  )
}

/** Every policy document in the template, wherever it stands: of roles, queues, buckets, keys, topics. */
export function policiesOf(template: Template): { where: string; statements: Statement[] }[] {
  return [...walk(template.Resources)]
    .filter(({ value }) => Array.isArray(at(value, 'Statement')))
    .map(({ where, value }) => ({ where: where.join('.'), statements: statementsOf(value as Node) }))
}

/** A string, or an `Fn::Sub` of pseudo parameters; anything else as JSON. */
export function textIn(value: unknown): string {
  if (typeof value === 'string') return value
  const text = at(value, 'Fn::Sub')
  if (typeof text !== 'string') return JSON.stringify(value)
  return text.replace(/\$\{([^}]+)\}/g, (whole, name: string) => pseudoParameters[name] ?? whole)
}

/** As `ArnLike` and `StringLike` match, but for the six parts of an Arn, which `*` crosses here. */
export function matches(pattern: string, value: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`).test(value)
}
