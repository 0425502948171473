/** What a start makes good: announcements that were lost in a crash, files that no row describes. */
import path from 'node:path'
import { adopted, announced, type Bucketry } from './adoption.ts'
import { filesBelow, foldersIn, removeLeftovers, sameStamp, stampAt } from './files.ts'
import { keyAt } from './path.ts'

/** Returns how many objects it announced. */
export async function recoverObjects(bucketry: Bucketry): Promise<number> {
  await removeLeftovers(bucketry.dir)
  let count = 0
  for (const announcement of bucketry.rows.announcements()) {
    await announced(bucketry, announcement)
    count++
  }
  for (const bucket of await foldersIn(bucketry.dir)) {
    if (bucketry.announces(bucket)) count += await adoptAll(bucketry, bucket)
  }
  return count
}

async function adoptAll(bucketry: Bucketry, bucket: string): Promise<number> {
  const root = path.join(bucketry.dir, bucket)
  let count = 0
  for await (const place of filesBelow(root)) {
    const key = strayKey(bucketry, bucket, place)
    if (key === undefined) continue
    const result = await adopted(bucketry, { bucket, key }, place)
    if (result?.fresh) count++
  }
  return count
}

/** The key of a file that is not what its row says; nothing where it is, or where the key has another file. */
function strayKey({ rows, dir }: Bucketry, bucket: string, place: string): string | undefined {
  const stamp = stampAt(path.join(dir, bucket, place))
  const row = rows.atPath(bucket, place)
  if (stamp === undefined || (row && sameStamp(row, stamp))) return undefined
  if (row) return row.key
  const key = keyAt(place)
  const other = rows.find({ bucket, key })
  return other && stampAt(path.join(dir, bucket, other.path)) ? undefined : key
}
