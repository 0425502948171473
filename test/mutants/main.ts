/**
 * `npm run mutants`: is the simulator any good? Plants one bug after the other, and counts the stories until it is
 * caught. Exit 1 if one is not caught within its number of seeds. `npm run mutants -- <part of a name>` plants fewer.
 */
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { environment } from '../../shared/config.ts'
import { type Mutant, mutants } from './list.ts'

const run = promisify(execFile)
const seedsMaxDefault = 2000
const timeMsMax = 5 * 60 * 1000

interface Caught {
  mutant: Mutant
  seeds?: number
  violation?: string
}

async function huntOne(mutant: Mutant): Promise<Caught> {
  const preload = path.join(import.meta.dirname, 'plant.ts')
  const hunter = path.join(import.meta.dirname, 'hunt.ts')
  const words = ['--import', preload, hunter, String(mutant.seedsMax ?? seedsMaxDefault)]
  const env = { ...environment(), MILLRACE_MUTANT: mutant.name }
  const { stdout } = await run(process.execPath, words, { env, timeout: timeMsMax }).catch(
    (error: { stdout?: string; stderr?: string; killed?: boolean }) => {
      // What cannot even be planted is a fault of the list.
      if (error.stderr?.includes('places for')) throw error
      return { stdout: JSON.stringify({ seeds: 1, violation: 'Every run ends: the process did not' }) }
    },
  )
  return { mutant, ...(JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') as Partial<Caught> | null) }
}

async function huntAll(wanted: readonly Mutant[]): Promise<Caught[]> {
  const found: Caught[] = []
  const waiting = [...wanted]
  const worker = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const caught = await huntOne(mutant)
      found.push(caught)
      process.stdout.write(`${lineOf(caught)}\n`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return found
}

function lineOf({ mutant, seeds, violation }: Caught): string {
  const when = seeds === undefined ? 'NOT CAUGHT' : `seed ${seeds}`
  return `${when.padEnd(12)} ${mutant.name.padEnd(58)} ${(violation ?? '').split('\n')[0]?.slice(0, 100) ?? ''}`
}

const [part = ''] = process.argv.slice(2)
const caught = await huntAll(mutants.filter(({ name }) => name.includes(part)))
const free = caught.filter(({ seeds }) => seeds === undefined)
process.stdout.write(`\n${caught.length - free.length} of ${caught.length} planted bugs are caught\n`)
process.exitCode = free.length === 0 ? 0 : 1
