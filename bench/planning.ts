/** What planning costs: calls to each port and time, for 10, 1,000 and 10,000 partitions. */
import { createMemoryObjects } from '../shared/memory/objects.ts'
import { headBytesMax } from '../shared/plan.ts'
import { countedPlan } from './counted-plan.ts'

const partitionBytes = 100
const sizes = [10, 1000, 10_000] as const

export async function planningTable(): Promise<string> {
  const rows: string[] = []
  for (const partitions of sizes) rows.push(await planned(partitions))
  return [
    '| partitions | HEAD | GET (bytes) | PUT | record reads | record writes | events | wall ms |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

async function planned(partitions: number): Promise<string> {
  const objects = createMemoryObjects()
  const ref = { bucket: 'drops', key: 'in/big.txt' }
  const info = await objects.write(ref, Buffer.alloc(partitions * partitionBytes, `${'x'.repeat(49)}\n`))
  const given = { source: { format: 'lines' }, partitionBytes }
  const { calls, wallMs } = await countedPlan(objects, ref, info, given)
  const headBytes = Math.min(partitions * partitionBytes, headBytesMax)
  const records = `${calls('records.get')} | ${calls('records.put') + calls('records.update')}`
  const objectCalls = `${calls('objects.head')} | ${calls('objects.read')} (${headBytes}) | ${calls('objects.write')}`
  return `| ${partitions} | ${objectCalls} | ${records} | ${calls('bus.publish')} | ${wallMs.toFixed(0)} |`
}
