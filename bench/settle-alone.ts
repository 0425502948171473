/**
 * What settling a round takes by itself: time, and memory against what its Lambda has.
 * `node bench/settle-alone.ts [<partitions> ...]`
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openLocalWorld } from '../local/world.ts'
import { localConfig } from '../shared/config.ts'
import { outputKeys } from '../shared/documents.ts'
import type { ListedObject } from '../shared/ports.ts'
import { partitionPagePk, partitionsPerPage, recordKeys } from '../shared/records.ts'
import type { Item } from '../shared/table.ts'
import type { MemoryHouse } from '../sim/memory-house.ts'
import { readBytes } from '../sim/proof.ts'
import { manyHouse, manyLines } from './many-partitions.ts'

const sizes = [1_001, 10_001, 100_000] as const
/** Of the old space, in MiB: tried from the largest on, until the process does not get through. */
const heapsMiB = [896, 640, 512, 448, 384, 320, 256, 192, 128, 96, 64] as const
/** Of the child's pages. */
const pageKeys = 1_000
const msMax = 10 * 60_000
const child = join(import.meta.dirname, 'settle-child.ts')

export interface Settled {
  wallMs: number
  cpuMs: number
  /** Resident, before it began. */
  idleMiB: number
  /** Resident, at most. */
  peakMiB: number
  calls: Record<string, number>
}

/** The first round of a run has ended: it is published, or 1 % of its partitions have failed. */
export async function settleTable(partitions: readonly number[] = sizes): Promise<string> {
  const rows = [
    '| partitions | what is settled | calls | s | CPU s | MiB before it | peak MiB with a heap of 896 MiB | smallest heap that does, MiB | peak MiB with that |',
    '|---|---|---|---|---|---|---|---|---|',
  ]
  for (const count of partitions) for (const troubled of [false, true]) rows.push(await row(count, troubled))
  return rows.join('\n')
}

async function row(partitions: number, troubled: boolean): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-settle-'))
  try {
    await layDown(folder, partitions, troubled)
    const [roomy, ...others] = await tried(folder)
    if (roomy === undefined) return `| ${partitions} | does not get through |`
    const least = others.at(-1) ?? roomy
    const what = troubled ? '1 % failed: another round' : 'published'
    const calls = Object.values(roomy.settled.calls).reduce((sum, each) => sum + each, 0)
    const seconds = [roomy.settled.wallMs, roomy.settled.cpuMs].map(ms => (ms / 1000).toFixed(1))
    const sizesMiB = [roomy.settled.idleMiB, roomy.settled.peakMiB, least.heapMiB, least.settled.peakMiB]
    return `| ${[partitions, what, calls, ...seconds, ...sizesMiB.map(Math.round)].join(' | ')} |`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** All that the first settle of the run looks at, as it stands before it. */
async function layDown(folder: string, partitions: number, troubled: boolean): Promise<void> {
  const house = manyHouse(partitions, troubled, { holds: ({ step }) => step === 'settle' })
  const runId = await house.drop('many/file.txt', manyLines(partitions))
  await house.untilQuiet()
  const world = await openLocalWorld(localConfig(folder, folder))
  try {
    for await (const item of itemsOf(house, runId, partitions)) await world.records.put(item)
    for (const { key } of await listed(house, house.config.buckets.state, '')) {
      const ref = { bucket: house.config.buckets.state, key }
      await world.objects.write(ref, await readBytes(house.ports.objects, ref.bucket, key))
    }
  } finally {
    world.close()
  }
  const outputs = await listed(
    house,
    house.config.buckets.output,
    outputKeys.runPrefix('curated/many/', runId),
  )
  for (let page = 0; page * pageKeys <= outputs.length + pageKeys; page++) {
    const own = outputs.slice(page * pageKeys, (page + 1) * pageKeys)
    writeFileSync(join(folder, `outputs-${page}.json`), JSON.stringify(own))
  }
  writeFileSync(join(folder, 'event.json'), JSON.stringify(house.deliveries.held[0]?.event))
}

async function* itemsOf({ ports }: MemoryHouse, runId: string, partitions: number): AsyncGenerator<Item> {
  for (const key of [recordKeys.run(runId), recordKeys.round(runId, 1)]) {
    const item = await ports.records.get(key)
    if (item) yield item
  }
  for (let page = 0; page * partitionsPerPage < partitions; page++) {
    let after: string | undefined
    do {
      const query = { pk: partitionPagePk(runId, page), ...(after === undefined ? {} : { after }) }
      const { items, next } = await ports.records.query(query)
      yield* items
      after = next
    } while (after !== undefined)
  }
}

async function listed({ ports }: MemoryHouse, bucket: string, prefix: string): Promise<ListedObject[]> {
  const found: ListedObject[] = []
  let after: string | undefined
  do {
    const { objects, next } = await ports.objects.list(bucket, prefix, after)
    found.push(...objects)
    after = next
  } while (after !== undefined)
  return found
}

interface Trial {
  heapMiB: number
  settled: Settled
}

/** With less and less memory, until it does not get through. */
async function tried(folder: string): Promise<Trial[]> {
  const done: Trial[] = []
  for (const heapMiB of heapsMiB) {
    const settled = await settledWith(heapMiB, folder)
    if (settled === undefined) return done
    done.push({ heapMiB, settled })
  }
  return done
}

/** `undefined`: its heap was too small. Errors: any other end than that. */
async function settledWith(heapMiB: number, folder: string): Promise<Settled | undefined> {
  const own = `${folder}-${heapMiB}`
  cpSync(folder, own, { recursive: true })
  try {
    const args = [`--max-old-space-size=${heapMiB}`, child, own]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: msMax })
    return JSON.parse(stdout) as Settled
  } catch (error) {
    if (/heap out of memory/i.test(String((error as { stderr?: string }).stderr))) return undefined
    throw error
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const given = process.argv.slice(2).map(Number)
  process.stdout.write(`${await settleTable(given.length > 0 ? given : sizes)}\n`)
}
