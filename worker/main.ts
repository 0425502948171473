/** What Batch starts: one process, one attempt at one partition. */
import { systemClock } from '../shared/clock.ts'
import { type Config, configFrom, environment } from '../shared/config.ts'
import { exitCodes } from '../shared/failure.ts'
import type { Ports } from '../shared/ports.ts'
import { endingOf } from './ending.ts'
import { createLog } from './log.ts'
import { work } from './work.ts'

const stop = new AbortController()
process.on('SIGTERM', () => {
  if (stop.signal.aborted) process.exit(exitCodes.terminated)
  stop.abort()
})

async function portsOf(config: Config): Promise<Pick<Ports, 'objects' | 'records' | 'clock'>> {
  if (config.stage !== 'local') return (await import('../shared/aws/ports.ts')).createAwsPorts(config)
  return (await import('../local/world.ts')).openLocalWorld(config)
}

const write = (line: string): void => void process.stdout.write(line)
try {
  const config = configFrom(environment())
  process.exitCode = await work(await portsOf(config), environment(), { config, write, signal: stop.signal })
} catch (error) {
  createLog(systemClock, write).error('failed', { ...endingOf(error) })
  process.exitCode = endingOf(error).exitCode
}
// What is left open (connections, databases) must not keep a finished worker alive; the log goes out first.
process.stdout.write('', () => process.exit())
