/** A CloudFormation template, as the packager leaves it. Pure. */

export type Node = Readonly<Record<string, unknown>>
export interface Resource {
  Type: string
  Condition?: string
  DeletionPolicy?: string
  Properties?: Node
}
export interface Template {
  Resources: Readonly<Record<string, Resource>>
  Conditions?: Node
  Outputs?: Node
}

/** Those that will be made: without the ones whose condition is known not to hold. */
export function madeResources(template: Template): [string, Resource][] {
  return Object.entries(template.Resources).filter(
    ([, { Condition }]) => Condition === undefined || holds({ Condition }, template) !== false,
  )
}

/** How many are in a list that may be written as an If or a Split; `otherwise` where that cannot be told. */
export function lengthOf(list: unknown, template: Template, otherwise: number): number {
  if (Array.isArray(list)) return list.length
  const [name, of] = functionIn(list)
  if (name === 'Fn::Split' && typeof of[1] === 'string') return of[1].split(String(of[0])).length
  if (name !== 'Fn::If') return otherwise
  const is = holds({ Condition: of[0] }, template)
  if (is !== undefined) return lengthOf(of[is ? 1 : 2], template, otherwise)
  return Math.max(...of.slice(1).map(branch => lengthOf(branch, template, otherwise)))
}

/** `undefined` where it depends on what only AWS knows. */
function holds(condition: unknown, template: Template): boolean | undefined {
  const [name, of] = functionIn(condition)
  if (name === 'Condition') {
    const defined = template.Conditions?.[String(of[0])]
    return defined === undefined ? undefined : holds(defined, template)
  }
  if (name === 'Fn::Equals') {
    return of.every(side => typeof side === 'string') ? of[0] === of[1] : undefined
  }
  const inner = of.map(one => holds(one, template))
  if (name === 'Fn::Not') return inner[0] === undefined ? undefined : !inner[0]
  if (name === 'Fn::And') return inner.includes(false) ? false : inner.includes(undefined) ? undefined : true
  if (name === 'Fn::Or') return inner.includes(true) ? true : inner.includes(undefined) ? undefined : false
  return undefined
}

function functionIn(value: unknown): [string, unknown[]] {
  const [entry] = typeof value === 'object' && value !== null ? Object.entries(value) : []
  if (entry === undefined) return ['', []]
  return [entry[0], Array.isArray(entry[1]) ? entry[1] : [entry[1]]]
}

/** `at(properties, 'ComputeResources.Type')`; `undefined` where there is none. */
export function at(node: unknown, dotted: string): unknown {
  return dotted.split('.').reduce<unknown>((inner, name) => {
    return typeof inner === 'object' && inner !== null ? Object(inner)[name] : undefined
  }, node)
}

/** The logical id that a Ref or GetAtt names. */
export function idIn(reference: unknown): string | undefined {
  const [name, of] = functionIn(reference)
  if (name !== 'Ref' && name !== 'Fn::GetAtt') return undefined
  return String(of[0]).split('.')[0]
}
