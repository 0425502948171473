/** The Bus port on the local router and schedules. */
import type { Bus, Clock, OwnEvent } from '../../shared/ports.ts'
import { ownEnvelope } from './envelope.ts'
import type { Router } from './router.ts'
import type { Schedules } from './schedules.ts'

/** `busName`: the own bus, as the rules of serverless.yml name it. Both methods return when the event is on disk. */
export function createLocalBus(parts: {
  router: Pick<Router, 'putEvents'>
  schedules: Pick<Schedules, 'at'>
  clock: Clock
  busName: string
}): Bus {
  const { router, schedules, clock, busName } = parts
  return {
    publish: async event => {
      router.putEvents([ownEnvelope(event, clock.now())], busName)
    },
    publishAt: async (event, dueAt) => {
      schedules.at(scheduleName(event), dueAt, busName, ownEnvelope(event, dueAt))
    },
  }
}

/** Of one run's round there is one such event to wait for, however often it is asked for. */
function scheduleName({ type, detail }: OwnEvent): string {
  return [type, detail.runId, detail.round ?? ''].join('/')
}
