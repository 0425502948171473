/** What becomes of an object whose columns are not those that the pipeline names. Pure. */
import type { Column } from '../documents.ts'
import type { Drift, Layout } from '../layout.ts'
import type { Refusal } from './refusal.ts'

export interface Drifted extends Pick<Layout, 'fields' | 'drift'> {
  /** What `input` has: the file's in their order, then those that it lacks and that are NULL throughout. */
  columns: Column[]
}

/**
 * `fail` takes the very columns that are declared, in any order; `widen` takes the others too; `ignore` leaves them
 * out of `columns`. An object that has none of the declared columns is refused whatever the rule: it would give rows
 * of nothing but NULL. So is a name that differs from a declared one in nothing but case.
 * @param names of the object's fields in its own order, each once
 * @param declared none: the object's own are taken as they are
 * @param typeOf of a column that is not declared
 */
export function driftOf(
  names: readonly string[],
  declared: readonly Column[],
  rule: Drift,
  typeOf: (name: string) => string = () => 'VARCHAR',
): Drifted | Refusal {
  const own = (name: string): Column => ({ name, type: typeOf(name) })
  if (declared.length === 0) return { columns: names.map(own) }
  const types = new Map(declared.map(({ name, type }) => [name, type]))
  const unknown = names.filter(name => !types.has(name))
  const lacking = declared.filter(({ name }) => !names.includes(name))
  const drift = { unknown, lacking: lacking.map(({ name }) => name) }
  const [alike] = casesOf(drift)
  const differs = unknown.length > 0 || lacking.length > 0
  if ((differs && rule === 'fail') || alike !== undefined || lacking.length === declared.length) {
    return columnsDiffer(drift, names, rule, alike)
  }
  const taken = rule === 'widen' ? names : names.filter(name => types.has(name))
  const there = taken.map(name => ({ name, type: types.get(name) ?? typeOf(name) }))
  const columns = [...there, ...lacking]
  return differs ? { columns, fields: [...names], drift } : { columns }
}

/** Columns that are new in one of many objects: a run has those that its first object gave it. */
export function notInFirst(lost: readonly string[], whose = 'the header'): Refusal {
  return {
    code: 'COLUMNS_DIFFER',
    words: `${whose} has ${lost.join(', ')}, which the first object of the list does not have`,
    remedy: "Name them in source.columns, set source.drift to 'ignore', or load that object by itself.",
  }
}

type Difference = NonNullable<Layout['drift']>

/** Unknown names that are lacking ones in another case: SQL cannot tell them apart. */
function casesOf({ unknown, lacking }: Difference): string[] {
  const folded = new Set(lacking.map(name => name.toLowerCase()))
  return unknown.filter(name => folded.has(name.toLowerCase()))
}

function columnsDiffer(
  { unknown, lacking }: Difference,
  names: readonly string[],
  rule: Drift,
  alike: string | undefined,
): Refusal {
  const parts = [
    ...(lacking.length > 0 ? [`lacks ${lacking.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`has unknown ${unknown.join(', ')}`] : []),
  ]
  return {
    code: 'COLUMNS_DIFFER',
    words: `the header ${parts.join(' and ')}; it reads ${names.join(', ')}`,
    remedy: `Correct the file, or source.columns in the pipeline, then drop the file again.${hint(rule, alike, unknown.length < names.length)}`,
  }
}

function hint(rule: Drift, alike: string | undefined, someKnown: boolean): string {
  if (alike !== undefined) return ` ${alike} differs in case only.`
  return rule === 'fail' && someKnown ? " Or set source.drift to 'widen' or 'ignore'." : ''
}
