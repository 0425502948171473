/** Plays stories until one breaks a promise; says how many it took and what broke. */
import { playStory } from '../../sim/play.ts'
import { storyOf } from '../../sim/story.ts'

const seedsMax = Number(process.argv[2])
/** A planted bug may also make a story go on for ever. */
const hangsAfterMs = 20_000

async function hunt(): Promise<{ seeds: number; violation: string } | undefined> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const { violations } = await withinTime(seed)
    if (violations[0] !== undefined) return { seeds: seed, violation: violations[0] }
  }
  return undefined
}

async function withinTime(seed: number): Promise<{ violations: string[] }> {
  const { promise, resolve } = Promise.withResolvers<{ violations: string[] }>()
  const timer = setTimeout(
    () => resolve({ violations: ['Every run ends: the story does not'] }),
    hangsAfterMs,
  )
  const outcome = await Promise.race([playStory(storyOf(seed)), promise])
  clearTimeout(timer)
  return outcome
}

process.stdout.write(`${JSON.stringify((await hunt()) ?? null)}\n`, () => process.exit())
