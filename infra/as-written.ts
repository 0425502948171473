/**
 * Texts of pipelines as somebody wrote them. The packager takes `${env:HOME}` for a variable wherever it stands, and
 * would put this machine's environment into the template. Pure.
 */

/** Policies' own way to write `$`, `*` and `?`, which means nothing to the packager. */
const variable = /\$\{[^$*?]/
const inside = /(?<=\$)(?=\{)/

/** @returns the same for CloudFormation, with nothing in it that the packager would fill in */
export function asWritten(value: unknown): unknown {
  if (typeof value === 'string') return variable.test(value) ? joined(value) : value
  if (Array.isArray(value)) return value.map(asWritten)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  // Ours alone: CloudFormation fills these in.
  return Object.fromEntries(entries.map(([name, one]) => [name, name === 'Fn::Sub' ? one : asWritten(one)]))
}

function joined(text: string): object {
  return { 'Fn::Join': ['', text.split(inside)] }
}
