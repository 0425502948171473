/** The smallest story that still breaks the same promise. */
import type { Act, Story } from './story.ts'

/** Plays spent on one story. */
const playsMax = 400

/** @param breaks the name of the promise that a story breaks, if any */
export async function shrink(
  story: Story,
  promise: string,
  breaks: (story: Story) => Promise<string | undefined>,
): Promise<Story> {
  let smallest = story
  let plays = 0
  for (let isSmaller = true; isSmaller && plays < playsMax; ) {
    isSmaller = false
    for (const candidate of smaller(smallest)) {
      if (plays++ >= playsMax) break
      if ((await breaks(candidate)) !== promise) continue
      smallest = candidate
      isSmaller = true
      break
    }
  }
  return smallest
}

/** Promise by name, of a violation's words. */
export function promiseOf(violation: string): string {
  return violation.split(':')[0] ?? ''
}

/** The boldest first. */
function* smaller(story: Story): Generator<Story> {
  const { faults, acts } = story
  for (let length = faults.length; length >= 1; length = Math.floor(length / 2))
    for (const kept of without(faults, length)) yield { ...story, faults: kept }
  for (const kept of without(acts, 1))
    if (kept.some(({ kind }) => kind === 'drop')) yield { ...story, acts: kept }
  for (const [at, act] of acts.entries())
    for (const less of lesser(act)) yield { ...story, acts: acts.toSpliced(at, 1, less) }
}

function* without<One>(all: readonly One[], length: number): Generator<One[]> {
  for (let first = 0; first < all.length; first += length) yield all.toSpliced(first, length)
}

function* lesser(act: Act): Generator<Act> {
  if (act.kind === 'drop' && act.lines > 1) {
    yield { ...act, lines: Math.floor(act.lines / 2) }
    yield { ...act, lines: act.lines - 1 }
  }
  if (act.kind !== 'drop' || act.mark === undefined) return
  const { mark: _, ...sound } = act
  yield sound
}
