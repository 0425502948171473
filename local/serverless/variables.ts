/** Reads serverless.yml as plain data: CloudFormation's tags in their long form, `${...}` filled in. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type CollectionTag, parseDocument, type ScalarTag } from 'yaml'
import { MillraceError } from '../../shared/errors.ts'
import { isNode, type Node } from '../events/event-operators.ts'

/** Stands where a variable has no value here; an error only where the value is needed. */
export class Unresolved {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const shortTags = [
  'And',
  'Base64',
  'Cidr',
  'Equals',
  'FindInMap',
  'GetAZs',
  'If',
  'ImportValue',
  'Join',
  'Not',
  'Or',
  'Select',
  'Split',
  'Sub',
  'Transform',
]
/** References of references; deeper is a circle. */
const depthMax = 20

type Tag = ScalarTag | CollectionTag

function tagsFor(name: string, wrap: (value: unknown) => unknown): Tag[] {
  const tag = `!${name}`
  const ofCollection = (node: { toJSON: () => unknown }): unknown => wrap(node.toJSON())
  return [
    { tag, resolve: (text: string) => wrap(text) },
    { tag, collection: 'seq', resolve: ofCollection },
    { tag, collection: 'map', resolve: ofCollection },
  ] as Tag[]
}

const cloudFormationTags: Tag[] = [
  ...tagsFor('Ref', value => ({ Ref: value })),
  ...tagsFor('Condition', value => ({ Condition: value })),
  ...tagsFor('GetAtt', value => ({ 'Fn::GetAtt': typeof value === 'string' ? splitOnce(value) : value })),
  ...shortTags.flatMap(name => tagsFor(name, value => ({ [`Fn::${name}`]: value }))),
]

function splitOnce(text: string): string[] {
  const dot = text.indexOf('.')
  return dot < 0 ? [text] : [text.slice(0, dot), text.slice(dot + 1)]
}

/** Errors: CONFIG_INVALID naming the file, where it is missing, no YAML, or has a tag nobody knows. */
export function readYaml(file: string): unknown {
  try {
    const document = parseDocument(readFileSync(file, 'utf8'), {
      customTags: cloudFormationTags,
      merge: true,
    })
    const [fault] = [...document.errors, ...document.warnings]
    if (fault !== undefined) throw fault
    return document.toJS()
  } catch (cause) {
    throw new MillraceError('CONFIG_INVALID', `${file} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
}

interface Scope {
  root: Node
  folder: string
  stage: string
}

/** The whole file with everything filled in that can be; the rest stands there as `Unresolved`. */
export function readServerless(file: string, stage: string): Node {
  const root = readYaml(file)
  if (!isNode(root)) throw new MillraceError('CONFIG_INVALID', `${file} is no serverless file`)
  return expand(root, { root, folder: path.dirname(file), stage }, 0) as Node
}

function expand(value: unknown, scope: Scope, depth: number): unknown {
  if (depth > depthMax)
    throw new MillraceError('CONFIG_INVALID', `serverless.yml refers to itself in a circle`)
  if (typeof value === 'string') return expandText(value, scope, depth)
  if (Array.isArray(value)) return value.map(one => expand(one, scope, depth))
  if (!isNode(value) || value instanceof Unresolved) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, expand(one, scope, depth)]))
}

// A serverless variable; not `${AWS::Region}` or `${LogicalId.Attribute}`, which are !Sub's. Innermost first.
const variable =
  /\$\{((?:self|sls|opt|param|env|file|ssm|cf|aws|git|strToBool)(?:\([^)]*\))?(?::(?!:)[^${}]*)?)\}/

function expandText(text: string, scope: Scope, depth: number): unknown {
  let expanded = text
  for (let replaced = 0; replaced < depthMax; replaced += 1) {
    const found = variable.exec(expanded)
    if (found === null) return expanded
    const value = firstValue(found[1] ?? '', scope, depth)
    if (value === undefined || value instanceof Unresolved) return new Unresolved(text)
    if (found[0] === expanded) return value
    if (typeof value === 'object') return new Unresolved(text)
    expanded = expanded.slice(0, found.index) + String(value) + expanded.slice(found.index + found[0].length)
  }
  return new Unresolved(text)
}

/** `self:a.b, opt:c, 'literal'`: the first that has a value. */
function firstValue(expression: string, scope: Scope, depth: number): unknown {
  for (const part of expression.split(/,(?![^(]*\))/)) {
    const value = valueFrom(part.trim(), scope, depth)
    if (value !== undefined && value !== null) return value
  }
  return undefined
}

function valueFrom(part: string, scope: Scope, depth: number): unknown {
  const literal = /^(?:'([^']*)'|"([^"]*)")$/.exec(part)
  if (literal !== null) return literal[1] ?? literal[2]
  if (/^(?:true|false|null|-?\d+(?:\.\d+)?)$/.test(part)) return JSON.parse(part)
  const [, source, argument, address = ''] = /^(\w+)(?:\(([^)]*)\))?(?::(.*))?$/.exec(part) ?? []
  if (source === 'file') return fileValue(argument ?? '', address, scope, depth)
  if (source === 'self') return expand(at(scope.root, address), scope, depth + 1)
  if (source === 'sls' || source === 'opt') return address === 'stage' ? scope.stage : undefined
  if (source === 'param') return expand(paramOf(address, scope), scope, depth + 1)
  // The environment and the account of whoever starts the local stack do not change how it is wired.
  return undefined
}

function paramOf(name: string, { root, stage }: Scope): unknown {
  return at(root, `params.${stage}.${name}`) ?? at(root, `params.default.${name}`)
}

function fileValue(name: string, address: string, scope: Scope, depth: number): unknown {
  if (!/\.(?:ya?ml|json)$/.test(name)) return undefined
  return expand(at(readYaml(path.resolve(scope.folder, name)), address), scope, depth + 1)
}

function at(root: unknown, address: string): unknown {
  if (address === '') return root
  return address.split('.').reduce<unknown>((node, name) => (isNode(node) ? node[name] : undefined), root)
}
