import { createMemoryBus } from '../../shared/memory/bus.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import { type BusUnderTest, busContract } from './bus.ts'

busContract('in memory', openMemory, { moves: true })

async function openMemory(): Promise<BusUnderTest> {
  const clock = createMemoryClock(1_750_000_000_000)
  const bus = createMemoryBus(clock)
  return {
    bus,
    now: clock.now,
    received: async () => [...bus.events],
    held: async () => bus.held(),
    pass: clock.advance,
    dispose: async () => {},
  }
}
