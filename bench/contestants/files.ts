/** Plain files as a bucket: what a worker needs of one, and nothing that costs time of its own. */
import { createReadStream, statSync } from 'node:fs'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import type { ObjectInfo, ObjectRef, Objects } from '../../shared/ports.ts'

const chunkBytes = 256 * 1024
export const etag = 'input'

const infoOf = (file: string): ObjectInfo => ({ bytes: statSync(file).size, etag, metadata: {} })

/** @param folder buckets are folders in it; one whose name is a path lies there */
export function fileObjects(folder: string): Objects {
  const fileOf = ({ bucket, key }: ObjectRef): string =>
    isAbsolute(bucket) ? join(bucket, key) : join(folder, bucket, key)
  return {
    head: async ref => infoOf(fileOf(ref)),
    read: async (ref, { range } = {}) => {
      const part = range === undefined ? {} : { start: range.start, end: range.end - 1 }
      return createReadStream(fileOf(ref), { highWaterMark: chunkBytes, ...part })
    },
    write: async (ref, body) => {
      const file = fileOf(ref)
      await mkdir(dirname(file), { recursive: true })
      await ('file' in body ? copyFile(body.file, file) : writeFile(file, body))
      return infoOf(file)
    },
    // No attempt was here before.
    list: async () => ({ objects: [] }),
    remove: async refs => {
      await Promise.all(refs.map(ref => rm(fileOf(ref), { force: true })))
    },
  }
}
