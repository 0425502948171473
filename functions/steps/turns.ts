/** Many calls, some at a time. */

const callsAtOnce = 32

/** Results in the order of `given`. Errors: the first of `act`. */
export async function inTurns<Given, Result>(
  given: readonly Given[],
  act: (one: Given) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let first = 0; first < given.length; first += callsAtOnce) {
    results.push(...(await Promise.all(given.slice(first, first + callsAtOnce).map(act))))
  }
  return results
}
