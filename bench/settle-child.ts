/**
 * One settle in a process of its own, as a Lambda has it: records in SQLite, documents in files, outputs listed from
 * pages; Batch has nothing to say and no event goes anywhere. `settle-child.ts <folder>`, laid down by settle-alone.ts.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { settle } from '../functions/settle.ts'
import { openLocalWorld } from '../local/world.ts'
import { systemClock } from '../shared/clock.ts'
import { localConfig } from '../shared/config.ts'
import { createMemoryBus } from '../shared/memory/bus.ts'
import { createMemoryChat } from '../shared/memory/chat.ts'
import { createMemoryJobs } from '../shared/memory/jobs.ts'
import type { ListedObject, Objects } from '../shared/ports.ts'
import { peakRssMiB } from '../worker/peak.ts'
import { costed, noCosts } from './port-costs.ts'

const [folder = ''] = process.argv.slice(2)
const local = await openLocalWorld(localConfig(folder, folder))
const objects: Objects = {
  ...local.objects,
  remove: async () => undefined,
  list: async (_, __, after = '0') => pageOfOutputs(Number(after)),
}

function pageOfOutputs(number: number): { objects: ListedObject[]; next?: string } {
  const found = JSON.parse(readFileSync(join(folder, `outputs-${number}.json`), 'utf8')) as ListedObject[]
  return found.length === 0 ? { objects: found } : { objects: found, next: String(number + 1) }
}

const costs = noCosts()
const ports = {
  objects,
  records: local.records,
  jobs: createMemoryJobs({ clock: systemClock }),
  bus: createMemoryBus(systemClock),
  chat: createMemoryChat(),
  clock: systemClock,
}
const idleMiB = peakRssMiB()
const before = process.cpuUsage()
const begin = performance.now()
const world = { ...local, ...costed(ports, costs, () => true) }
await settle(world, JSON.parse(readFileSync(join(folder, 'event.json'), 'utf8')))
const wallMs = performance.now() - begin
const { user, system } = process.cpuUsage(before)
const cpuMs = (user + system) / 1000
const said = { wallMs, cpuMs, idleMiB, peakMiB: peakRssMiB(), calls: costs.calls }
process.stdout.write(JSON.stringify(said))
local.close()
