/** What Batch starts: one process, one attempt at one partition. */
import { systemClock } from '../shared/clock.ts'
import { type Config, configFrom, environment, metadataUrlOf } from '../shared/config.ts'
import { exitCodes } from '../shared/failure.ts'
import type { Ports } from '../shared/ports.ts'
import { endingOf } from './ending.ts'
import { createLog } from './log.ts'
import { Leave } from './notice/leave.ts'
import { work } from './work.ts'

const leave = new Leave()
process.on('SIGTERM', () => {
  if (leave.ending.aborted) process.exit(exitCodes.terminated)
  leave.end()
})

async function portsOf(config: Config): Promise<Pick<Ports, 'objects' | 'records' | 'clock'>> {
  if (config.stage !== 'local')
    return (await import('../shared/aws/worker-ports.ts')).createWorkerPorts(config)
  return (await import('../local/world.ts')).openLocalWorld(config)
}

const write = (line: string): void => void process.stdout.write(line)
try {
  const config = configFrom(environment())
  const metadataUrl = metadataUrlOf(environment())
  process.exitCode = await work(await portsOf(config), environment(), { config, write, leave, metadataUrl })
} catch (error) {
  createLog(systemClock, write).error('failed', { ...endingOf(error) })
  process.exitCode = endingOf(error).exitCode
}
// What is left open (connections, databases) must not keep a finished worker alive; the log goes out first.
process.stdout.write('', () => process.exit())
