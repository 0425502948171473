/**
 * EventBridge's pattern language. Pure. A pattern is compiled once and refused loudly where it is not of the
 * language, since EventBridge would refuse it too. Source: EventBridge user guide, "Content filtering in event
 * patterns", and the open `event-ruler`.
 */
import { MillraceError } from '../../shared/errors.ts'
import { isNode, type LeafTest, type Node, operatorTest, sameValue } from './event-operators.ts'

export type EventTest = (event: unknown) => boolean

/** Errors: CONFIG_INVALID with the path within the pattern. */
export function compilePattern(pattern: unknown, where = 'EventPattern'): EventTest {
  if (!isNode(pattern) || Object.keys(pattern).length === 0) refuse(where, 'must be an object with a field')
  return compileNode(pattern, where)
}

function compileNode(pattern: Node, where: string): EventTest {
  const tests = Object.entries(pattern).map(([name, wanted]) =>
    compileField(name, wanted, `${where}.${name}`),
  )
  return value => tests.every(test => test(value))
}

function compileField(name: string, wanted: unknown, where: string): EventTest {
  if (name === '$or') return compileOr(wanted, where)
  if (Array.isArray(wanted)) {
    const leaf = compileLeaf(wanted, where)
    return event => leaf(fieldOf(event, name))
  }
  if (!isNode(wanted)) refuse(where, 'must be an array of values or an object')
  if (Object.keys(wanted).length === 0) refuse(where, 'must not be empty')
  const nested = compileNode(wanted, where)
  return event => {
    const value = fieldOf(event, name)
    // All fields of the nested pattern must hold of one and the same element, as in event-ruler.
    return Array.isArray(value) && value.length > 0 ? value.some(nested) : nested(value)
  }
}

function compileOr(wanted: unknown, where: string): EventTest {
  if (!Array.isArray(wanted) || wanted.length < 2) refuse(where, 'must be an array of at least two patterns')
  const alternatives = wanted.map((one, index) => compilePattern(one, `${where}[${index}]`))
  return event => alternatives.some(test => test(event))
}

function fieldOf(event: unknown, name: string): unknown {
  return isNode(event) && Object.hasOwn(event, name) ? event[name] : undefined
}

function compileLeaf(wanted: unknown[], where: string): LeafTest {
  if (wanted.length === 0) refuse(where, 'must not be an empty array')
  const tests = wanted.map((one, index) => compileMatcher(one, `${where}[${index}]`))
  return value => tests.some(test => test(value))
}

/** `exists` is asked of the field as a whole; everything else of each of its values. */
function compileMatcher(wanted: unknown, where: string): LeafTest {
  if (!isNode(wanted)) {
    if (Array.isArray(wanted)) refuse(where, 'must not be an array')
    return ofEach(value => sameValue(value, wanted))
  }
  const [[operator, operand] = [], ...more] = Object.entries(wanted)
  if (operator === undefined || more.length > 0) refuse(where, 'must be an object with exactly one operator')
  if (operator !== 'exists') return ofEach(operatorTest(operator, operand, `${where}.${operator}`))
  if (typeof operand !== 'boolean') refuse(`${where}.exists`, 'must be true or false')
  return value => hasLeaf(value) === operand
}

function ofEach(test: LeafTest): LeafTest {
  return value => (Array.isArray(value) ? value.some(test) : test(value))
}

/** Leaves only: an object, and an empty array, have no value of their own. */
function hasLeaf(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasLeaf)
  return value !== undefined && !isNode(value)
}

function refuse(where: string, fault: string): never {
  throw new MillraceError('CONFIG_INVALID', `${where}: ${fault}`)
}
