/** `millrace dlq`: what was given up on, and back with it. */
import {
  type DeadLetter,
  type DeadLetterQueue,
  type DeadLetters,
  deadLetterQueues,
  factsOf,
  type Redriven,
  type Takers,
} from '../shared/dead-letters.ts'
import type { World } from '../shared/world.ts'
import { type GlobalOptions, localStage, stageOption } from './options.ts'
import { type OpenStage, openStage } from './stage.ts'
import { countOf, durationText, tableText } from './words.ts'

export interface DlqOptions extends GlobalOptions {
  /** Absent: all of them. */
  queue?: DeadLetterQueue
  /** Of each queue. */
  max: number
}

export const deadLetterQueueNames = Object.keys(deadLetterQueues) as DeadLetterQueue[]

/** @returns 0: letters that lie there are no fault of the look */
export async function listDeadLetters(options: DlqOptions): Promise<number> {
  const opened = await openStage(options, 'look')
  const { world, close } = opened
  try {
    const letters = await lettersOf(await deadLettersOf(options, opened), options)
    const now = world.clock.now()
    if (options.json) for (const one of letters) sayLine(lineOf(one, takersOf(world), now))
    else process.stdout.write(lettersText(letters, takersOf(world), now, options))
    return 0
  } finally {
    await close()
  }
}

/** @returns 1 where something had to stay */
export async function redriveDeadLetters(options: DlqOptions & { dryRun: boolean }): Promise<number> {
  const opened = await openStage(options, 'look')
  const { world, close } = opened
  try {
    const letters = await deadLettersOf(options, opened)
    const redriven = options.dryRun
      ? (await lettersOf(letters, options)).map(one => ({ letter: one, to: factsOf(one).wayBack.to }))
      : await redriveAll(letters, options)
    const now = world.clock.now()
    if (options.json) {
      for (const { letter, to } of redriven)
        sayLine({ ...lineOf(letter, takersOf(world), now), to, dryRun: options.dryRun })
    } else process.stdout.write(redrivenText(redriven, options.dryRun, waits(options, opened)))
    return redriven.some(({ to }) => to === 'unknown') ? 1 : 0
  } finally {
    await close()
  }
}

async function deadLettersOf(options: GlobalOptions, { world }: OpenStage): Promise<DeadLetters> {
  if (options.stage !== localStage) {
    return (await import('./aws-stage.ts')).openAwsDeadLetters(options, world)
  }
  const { openLocalDeadLetters } = await import('../local/events/dead-letters.ts')
  return openLocalDeadLetters(world)
}

/** Nobody takes it up before a stack is started. */
function waits(options: GlobalOptions, { running }: OpenStage): boolean {
  return options.stage === localStage && running === undefined
}

function queuesOf({ queue }: DlqOptions): DeadLetterQueue[] {
  return queue === undefined ? deadLetterQueueNames : [queue]
}

async function lettersOf(letters: DeadLetters, options: DlqOptions): Promise<DeadLetter[]> {
  const found: DeadLetter[] = []
  for (const queue of queuesOf(options)) found.push(...(await letters.list(queue, options.max)))
  return found
}

async function redriveAll(letters: DeadLetters, options: DlqOptions): Promise<Redriven[]> {
  const redriven: Redriven[] = []
  for (const queue of queuesOf(options)) redriven.push(...(await letters.redrive(queue, options.max)))
  return redriven
}

function takersOf({ pipelines, config }: World): Takers {
  return { pipelines, dropsBucket: config.buckets.drops }
}

function lineOf(letter: DeadLetter, takers: Takers, now: number): Record<string, unknown> {
  const { queue, messageId, sentAt, body } = letter
  const { wayBack, ...facts } = factsOf(letter, takers)
  return { queue, messageId, sentAt, ageMs: now - sentAt, ...facts, wayBack: wayBack.to, body }
}

function sayLine(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function lettersText(
  letters: readonly DeadLetter[],
  takers: Takers,
  now: number,
  { max, stage }: Pick<DlqOptions, 'max' | 'stage'>,
): string {
  if (letters.length === 0) return 'Nothing was given up on.\n'
  const rows = letters.map(letter => {
    const facts = factsOf(letter, takers)
    const { function: by = '-', event = '-', runId = '-', pipeline = '-', key, error } = facts
    const tries = String(facts.tries)
    const said = error ?? (key === undefined ? '-' : `(key ${JSON.stringify(key).slice(1, -1)})`)
    return [letter.queue, durationText(now - letter.sentAt), tries, by, event, runId, pipeline, said]
  })
  const header = ['QUEUE', 'AGE', 'TRIES', 'FUNCTION', 'EVENT', 'RUN', 'PIPELINE', 'ERROR']
  const full = deadLetterQueueNames.some(name => letters.filter(({ queue }) => queue === name).length >= max)
  const more = full ? `There may be more: --max says how many of a queue are looked at.\n` : ''
  return `${tableText([header, ...rows])}\n${more}\nnpx millrace dlq redrive${stageOption(stage)}\n`
}

function redrivenText(redriven: readonly Redriven[], dryRun: boolean, waiting: boolean): string {
  const count = (...to: Redriven['to'][]): number => redriven.filter(one => to.includes(one.to)).length
  const [back, done, left] = [count('queue', 'bus'), count('nowhere'), count('unknown')]
  const lines = [
    `${countOf(back, 'message')} ${dryRun ? 'would be put' : 'put'} back where ${back === 1 ? 'it' : 'they'} came from`,
    ...(done > 0
      ? [`${countOf(done, 'message')} without need of a way back: a later reconcile has done the same`]
      : []),
    ...(left > 0 ? [`${countOf(left, 'message')} left in place: no event of ours`] : []),
    ...(waiting && back > 0 && !dryRun ? ['No stack is up: `npx millrace up` takes it from here.'] : []),
  ]
  return `${lines.join('\n')}\n`
}
