/** What planning asks of an object of 10 TB in each format, by counting. */
import { countedPlan } from './counted-plan.ts'
import { type LargeObject, serialObjects, splittableObjects } from './large-objects.ts'
import { etag, simulatedObjects } from './simulated.ts'

const bytes = 10 * 10 ** 12
const ref = { bucket: 'drops', key: 'in/large' }

export interface PlannedFormat {
  title: string
  partitions: number
  heads: number
  gets: number
  bytesRead: number
  puts: number
  wallMs: number
  /** Its first round is of the split stage. */
  splits: boolean
}

export async function planningFormatsTables(): Promise<string> {
  const splittable = await plannedFormats(await splittableObjects())
  const serial = await plannedFormats(serialObjects())
  return [
    'Formats that are cut where they are:',
    '',
    table(splittable),
    '',
    'Formats that can only be read from their start: one task lays them down in pieces first, and partitions are cut of those by arithmetic:',
    '',
    table(serial),
  ].join('\n')
}

export async function plannedFormats(large: readonly LargeObject[]): Promise<PlannedFormat[]> {
  const planned: PlannedFormat[] = []
  for (const object of large) planned.push(await plannedFormat(object))
  return planned
}

async function plannedFormat({ title, source, content, ...given }: LargeObject): Promise<PlannedFormat> {
  const { objects, bytesRead } = simulatedObjects(ref.bucket, { bytes, ...content })
  const { calls, record, wallMs } = await countedPlan(objects, ref, { bytes, etag }, { source, ...given })
  return {
    title,
    partitions: record.partitions,
    splits: record.splits ?? false,
    heads: calls('objects.head'),
    gets: calls('objects.read'),
    bytesRead: bytesRead(),
    puts: calls('objects.write'),
    wallMs,
  }
}

function table(rows: readonly PlannedFormat[]): string {
  return [
    '| | partitions | HEAD | GET | bytes read | PUT | wall ms |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(row => {
      const partitions = row.splits ? 'after the split stage' : row.partitions
      const calls = `${row.heads} | ${row.gets} | ${row.bytesRead} | ${row.puts}`
      return `| ${row.title} | ${partitions} | ${calls} | ${row.wallMs.toFixed(0)} |`
    }),
  ].join('\n')
}
