/** The objects of a stage, of which nothing is changed: whatever is written stays in a folder of this machine. */
import { join } from 'node:path'
import { openLocalObjects } from '../../local/objects/objects.ts'
import { stateKeys } from '../../shared/documents.ts'
import type { Clock, Objects } from '../../shared/ports.ts'

/** The pieces of `runId` are those that were written here; all else is read from `objects`. */
export function readOnly(
  objects: Objects,
  runId: string,
  dir: string,
  clock: Clock,
): Objects & { close(): void } {
  const own = openLocalObjects({
    dir: join(dir, 'written'),
    dbFile: join(dir, 'written.db'),
    clock,
    announces: () => false,
    announce: async () => {},
  })
  const pieces = stateKeys.piecesPrefix(runId)
  const holder = (key: string): Objects => (key.startsWith(pieces) ? own : objects)
  return {
    head: (ref, version) => holder(ref.key).head(ref, version),
    read: (ref, options) => holder(ref.key).read(ref, options),
    list: (bucket, prefix, after) => holder(prefix).list(bucket, prefix, after),
    write: (ref, body, options) => own.write(ref, body, options),
    remove: refs => own.remove(refs),
    close: () => own.close(),
  }
}
