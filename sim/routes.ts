/** Which event opens which function, as serverless.yml says, and how often it is brought again. */
import path from 'node:path'
import { compilePattern } from '../local/events/event-pattern.ts'
import { readWiring } from '../local/serverless/file.ts'
import { eventQueue, type Wiring } from '../local/serverless/wiring.ts'
import { localConfig } from '../shared/config.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { fleetOf, sharedFleet } from '../shared/placement.ts'
import { type FunctionName, functionNames } from '../shared/vocabulary.ts'

const serverlessFile = path.resolve(import.meta.dirname, '../serverless.yml')
const wiring = readWiring(serverlessFile, localConfig('', ''))

export interface Manners {
  /** The first delivery counts. */
  triesMax: number
  /** Are its events handed out of a queue, several at once? */
  isQueue: boolean
  /** Until the same event comes again. */
  againAfterMs: number
}

function mannersOf(name: FunctionName): Manners {
  const declared = wiring.functions.find(one => one.name === name)
  const source = declared?.queues[0]
  if (source === undefined)
    return { triesMax: 1 + (declared?.retriesMax ?? 0), isQueue: false, againAfterMs: 60_000 }
  const queue = wiring.queues.find(one => one.name === source.queue)
  return {
    triesMax: queue?.redrive?.receivesMax ?? 1,
    isQueue: true,
    againAfterMs: queue?.visibilityMs ?? 0,
  }
}

export const manners = Object.fromEntries(functionNames.map(name => [name, mannersOf(name)])) as Record<
  FunctionName,
  Manners
>

type Rule = Wiring['rules'][number]
const compiled = (rules: readonly Rule[]) =>
  rules.map(rule => ({
    bus: rule.bus,
    test: compilePattern(rule.pattern, rule.name),
    opens: functionNames.filter(name => {
      const queues = wiring.functions.find(one => one.name === name)?.queues.map(({ queue }) => queue) ?? []
      return [eventQueue(name), ...queues].some(queue => rule.targets.includes(queue))
    }),
  }))
const stageRules = compiled(wiring.rules)

/** The functions whose door an event on that bus opens, where these pipelines are deployed. */
export function routesOf(pipelines: readonly Pipeline[]): (bus: string, event: unknown) => FunctionName[] {
  // With a bucket or instances of its own, a pipeline brings rules of its own.
  const ownRules = pipelines.some(one => one.source.bucket !== undefined || fleetOf(one) !== sharedFleet)
  const rules = ownRules
    ? compiled(readWiring(serverlessFile, localConfig('', ''), pipelines).rules)
    : stageRules
  return (bus, event) =>
    rules.filter(rule => rule.bus === bus && rule.test(event)).flatMap(({ opens }) => opens)
}
