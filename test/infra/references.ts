/** What a template refers to and does not have: by `Ref`, `GetAtt`, `Sub`, `DependsOn`, `If` and `Condition`. */
import { at, type Node, type Template, walk } from './packaged.ts'

/** Where, and what is lacking there; none where all resolves. */
export function lostReferences(template: Template): string[] {
  const lost: string[] = []
  const isKnown = (id: string): boolean => id.startsWith('AWS::') || id in template.Resources
  const need = (held: boolean, where: readonly string[], what: string): void => {
    if (!held) lost.push(`${where.join('.')}: ${what}`)
  }
  for (const { where, value } of walk(template)) {
    for (const id of namedIn(value)) need(isKnown(id), where, id)
    for (const name of conditionsIn(value)) need(name in template.Conditions, where, `the condition ${name}`)
  }
  for (const [id, { DependsOn = [] }] of Object.entries(template.Resources))
    for (const other of [DependsOn].flat()) need(isKnown(other), [id, 'DependsOn'], other)
  return lost
}

function namedIn(value: unknown): string[] {
  const attribute = at(value, 'Fn::GetAtt')
  const [text, given = {}] = [at(value, 'Fn::Sub')].flat() as [unknown, Node?]
  return [
    ...(typeof at(value, 'Ref') === 'string' ? [String(at(value, 'Ref'))] : []),
    // A list, or one text with a dot.
    ...(attribute === undefined ? [] : [String([attribute].flat()[0]).split('.')[0] ?? '']),
    ...(typeof text === 'string' ? [...text.matchAll(/\$\{([\w:]+)[^}]*\}/g)] : [])
      .map(([, id = '']) => id)
      .filter(id => !(id in given)),
  ]
}

/** Of a resource or an output, of `Fn::If`, and of a condition that is made of others. */
function conditionsIn(value: unknown): string[] {
  const [chosen] = [at(value, 'Fn::If')].flat()
  return [at(value, 'Condition'), chosen].filter(name => typeof name === 'string')
}
