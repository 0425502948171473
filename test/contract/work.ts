/** What the children of a contract's job do: agreed by the suite and whatever plays the machines. */

export interface Work {
  /** Exit code by index; `null` runs until it is stopped. */
  byIndex?: Record<number, number | null>
  /** Of the indices that are not named. */
  others: number | null
}

const workVariable = 'CONTRACT_WORK'

export function asEnvironment(work: Work): Record<string, string> {
  return { [workVariable]: JSON.stringify(work) }
}

/** `environment`: what the child was given. */
export function exitCodeOf(
  environment: Readonly<Record<string, string | undefined>>,
  index: number,
): number | null {
  const { byIndex = {}, others } = JSON.parse(environment[workVariable] ?? '{"others":0}') as Work
  return index in byIndex ? (byIndex[index] ?? null) : others
}
