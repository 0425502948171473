/** The operators of EventBridge's patterns on one value. Pure. */
import { MillraceError } from '../../shared/errors.ts'

export interface Node {
  [name: string]: unknown
}
export type LeafTest = (value: unknown) => boolean
type Operator = (operand: unknown, where: string) => LeafTest

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function sameValue(value: unknown, wanted: unknown): boolean {
  return value !== undefined && value === wanted
}

/** Errors: CONFIG_INVALID for an operator EventBridge does not know, or one not built here (`cidr`). */
export function operatorTest(operator: string, operand: unknown, where: string): LeafTest {
  const build = Object.hasOwn(operators, operator) ? operators[operator] : undefined
  if (build === undefined) {
    throw fault(where, `is no operator known here; known: ${Object.keys(operators).join(', ')}, exists`)
  }
  return build(operand, where)
}

const operators: Readonly<Record<string, Operator>> = {
  prefix: textOperator((value, wanted) => value.startsWith(wanted)),
  suffix: textOperator((value, wanted) => value.endsWith(wanted)),
  'equals-ignore-case': (operand, where) => {
    const wanted = textOf(operand, where)
    return onText(value => folded(value) === folded(wanted))
  },
  wildcard: (operand, where) => {
    const pattern = wildcardPattern(textOf(operand, where), where)
    return onText(value => pattern.test(value))
  },
  numeric: numericTest,
  'anything-but': anythingBut,
}

/** `{ prefix: 'x' }` and `{ prefix: { 'equals-ignore-case': 'X' } }`. */
function textOperator(holds: (value: string, wanted: string) => boolean): Operator {
  return (operand, where) => {
    if (!isNode(operand)) {
      const wanted = textOf(operand, where)
      return onText(value => holds(value, wanted))
    }
    const [[name, text] = [], ...more] = Object.entries(operand)
    if (name !== 'equals-ignore-case' || more.length > 0)
      throw fault(where, 'takes text or equals-ignore-case')
    const wanted = folded(textOf(text, `${where}.${name}`))
    return onText(value => holds(folded(value), wanted))
  }
}

const negatable = new Set(['prefix', 'suffix', 'equals-ignore-case', 'wildcard'])

/** A present value (null too) that is none of these. */
function anythingBut(operand: unknown, where: string): LeafTest {
  const excluded = isNode(operand) ? negatedOperators(operand, where) : negatedValues(operand, where)
  return value => isLeaf(value) && !excluded.some(test => test(value))
}

function negatedValues(operand: unknown, where: string): LeafTest[] {
  const values = Array.isArray(operand) ? operand : [operand]
  if (values.length === 0) throw fault(where, 'must not be an empty array')
  if (!values.every(value => typeof value === 'string' || typeof value === 'number')) {
    throw fault(where, 'takes texts, numbers or one operator')
  }
  return values.map(wanted => value => sameValue(value, wanted))
}

function negatedOperators(operand: Node, where: string): LeafTest[] {
  const [[name, wanted] = [], ...more] = Object.entries(operand)
  if (name === undefined || more.length > 0 || !negatable.has(name)) {
    throw fault(where, `takes one of ${[...negatable].join(', ')}`)
  }
  const list = Array.isArray(wanted) ? wanted : [wanted]
  if (list.length === 0) throw fault(where, 'must not be an empty array')
  return list.map(one => operatorTest(name, one, `${where}.${name}`))
}

const comparisons: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '=': (value, bound) => value === bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
}

/** `['>', 0, '<=', 5]`: one bound, or a lower and an upper one. */
function numericTest(operand: unknown, where: string): LeafTest {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4)) {
    throw fault(where, 'takes one or two pairs of comparison and number')
  }
  const tests: ((value: number) => boolean)[] = []
  for (let at = 0; at < operand.length; at += 2) {
    const compare = comparisons[String(operand[at])]
    const bound: unknown = operand[at + 1]
    if (compare === undefined || typeof bound !== 'number') {
      throw fault(where, `takes ${Object.keys(comparisons).join(' ')}, each followed by a number`)
    }
    tests.push(value => compare(value, bound))
  }
  return value => typeof value === 'number' && tests.every(test => test(value))
}

/** `*` is any text; `\*` and `\\` are themselves. */
function wildcardPattern(text: string, where: string): RegExp {
  if (/(?<!\\)\*\*/.test(text)) throw fault(where, 'must not have two * in a row')
  const parts = text.match(/\\[*\\]|\*|[^*\\]+|\\/gu) ?? []
  const source = parts.map(part => (part === '*' ? '.*' : literal(part.replace(/^\\([*\\])$/, '$1'))))
  return new RegExp(`^${source.join('')}$`, 'su')
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
}

function isLeaf(value: unknown): boolean {
  return value !== undefined && typeof value !== 'object' ? true : value === null
}

function onText(test: (value: string) => boolean): LeafTest {
  return value => typeof value === 'string' && test(value)
}

function textOf(operand: unknown, where: string): string {
  if (typeof operand !== 'string') throw fault(where, 'takes text')
  return operand
}

function folded(text: string): string {
  return text.toLowerCase()
}

function fault(where: string, words: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `${where}: ${words}`)
}
