/** Guards and changes as DynamoDB's expressions. Every name and every value is a placeholder. Pure. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import type { Change, Guard, Item, Json, Query, Test } from '../table.ts'
import { keysOf } from '../table-rules.ts'

export interface Placeholders {
  name(attribute: string): string
  value(value: Json): string
  /** To spread into a command: DynamoDB refuses placeholders that are empty or unused. */
  used(): {
    ExpressionAttributeNames?: Record<string, string>
    ExpressionAttributeValues?: Record<string, AttributeValue>
  }
}

export function placeholders(): Placeholders {
  const names = new Map<string, string>()
  const values = new Map<string, Json>()
  return {
    name(attribute) {
      const known = names.get(attribute) ?? `#n${names.size}`
      names.set(attribute, known)
      return known
    },
    value(value) {
      const placeholder = `:v${values.size}`
      values.set(placeholder, value)
      return placeholder
    },
    used: () => ({
      ...(names.size > 0 && {
        ExpressionAttributeNames: Object.fromEntries(
          [...names].map(([attribute, name]) => [name, attribute]),
        ),
      }),
      ...(values.size > 0 && { ExpressionAttributeValues: marshalled(Object.fromEntries(values)) }),
    }),
  }
}

export function marshalled(item: Item | Record<string, Json | undefined>): Record<string, AttributeValue> {
  return marshall(item, { removeUndefinedValues: true })
}

/** `undefined` where it always holds; `never` where no clause can hold, which no expression can say. */
export function conditionFor(guard: Guard | undefined, marks: Placeholders): string | 'never' | undefined {
  if (guard === undefined) return undefined
  const possible = guard.map(clause => Object.entries(clause)).filter(tests => tests.every(canHold))
  if (possible.length === 0) return 'never'
  if (possible.some(tests => tests.length === 0)) return undefined
  return possible
    .map(tests => `(${tests.map(([name, test]) => testFor(marks.name(name), test, marks)).join(' AND ')})`)
    .join(' OR ')
}

function canHold([, test]: [string, Test]): boolean {
  return !('oneOf' in test) || test.oneOf.length > 0
}

function testFor(name: string, test: Test, marks: Placeholders): string {
  if ('absent' in test) return `attribute_not_exists(${name})`
  if ('present' in test) return `attribute_exists(${name})`
  if ('is' in test) return `${name} = ${marks.value(test.is)}`
  if ('oneOf' in test) return `${name} IN (${test.oneOf.map(one => marks.value(one)).join(', ')})`
  return `${name} <= ${marks.value(test.atMost)}`
}

/** `undefined` for a change of nothing, which still creates the item. */
export function updateFor({ set, add, append, remove }: Change, marks: Placeholders): string | undefined {
  const sets = Object.entries(set ?? {}).map(([name, value]) => `${marks.name(name)} = ${marks.value(value)}`)
  const appends = Object.entries(append ?? {}).map(([name, elements]) => {
    const list = marks.name(name)
    return `${list} = list_append(if_not_exists(${list}, ${marks.value([])}), ${marks.value(elements)})`
  })
  const adds = Object.entries(add ?? {}).map(([name, amount]) => `${marks.name(name)} ${marks.value(amount)}`)
  const removes = (remove ?? []).map(name => marks.name(name))
  const sections: [string, string[]][] = [
    ['SET', [...sets, ...appends]],
    ['ADD', adds],
    ['REMOVE', removes],
  ]
  const expression = sections
    .filter(([, parts]) => parts.length > 0)
    .map(([verb, parts]) => `${verb} ${parts.join(', ')}`)
    .join(' ')
  return expression === '' ? undefined : expression
}

export function keyConditionFor(query: Query, marks: Placeholders): string {
  const { pk, sk } = keysOf(query)
  const page = `${marks.name(pk)} = ${marks.value(query.pk)}`
  if (!query.skPrefix) return page
  return `${page} AND begins_with(${marks.name(sk)}, ${marks.value(query.skPrefix)})`
}
