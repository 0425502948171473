/** The dead letters of one machine: rows of the queues' file. */
import {
  type DeadLetter,
  type DeadLetterQueue,
  type DeadLetters,
  wayBack,
} from '../../shared/dead-letters.ts'
import type { Bus } from '../../shared/ports.ts'
import type { World } from '../../shared/world.ts'
import { openDelivery } from './delivery.ts'
import type { Message, Queues } from './queues.ts'

/** Those of a data folder, whether a stack is up there or not; closed with the process. */
export function openLocalDeadLetters({ config, clock }: Pick<World, 'config' | 'clock'>): DeadLetters {
  return createLocalDeadLetters(openDelivery(config, clock))
}

/** The stack, which may be another process, sees at its next beat what is put back. */
export function createLocalDeadLetters({ queues, bus }: { queues: Queues; bus: Bus }): DeadLetters {
  const list = async (queue: DeadLetterQueue, max: number): Promise<DeadLetter[]> =>
    queues.peek(queue, max).map(message => letterOf(queue, message))
  return {
    list,
    redrive: async (queue, max) => {
      const redriven = []
      for (const message of queues.peek(queue, max)) {
        const letter = letterOf(queue, message)
        redriven.push({ letter, to: await putBack({ queues, bus }, letter, message.deadLetterOf) })
      }
      return redriven
    },
  }
}

async function putBack(
  { queues, bus }: { queues: Queues; bus: Bus },
  letter: DeadLetter,
  source: string | undefined,
): Promise<'queue' | 'bus' | 'nowhere' | 'unknown'> {
  const way = wayBack(letter)
  if (way.to === 'unknown' || (way.to === 'queue' && source === undefined)) return 'unknown'
  if (way.to === 'queue') queues.move(letter.messageId, letter.queue, source ?? '')
  if (way.to === 'bus') await bus.publish(way.event)
  if (way.to !== 'queue') queues.discard(letter.messageId, letter.queue)
  return way.to
}

function letterOf(queue: DeadLetterQueue, { messageId, body, sentAt, receives }: Message): DeadLetter {
  return { queue, messageId, body, sentAt, receives }
}
