import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { openLocalObjects } from '../../local/objects/objects.ts'
import { systemClock } from '../../shared/clock.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { type ObjectsUnderTest, objectsContract } from './objects.ts'

async function onOneMachine(): Promise<ObjectsUnderTest> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'millrace-objects-'))
  const objects = openLocalObjects({
    dir: path.join(dir, 'objects'),
    dbFile: path.join(dir, 'objects.db'),
    clock: systemClock,
    announces: () => true,
    announce: async () => {},
  })
  return {
    objects,
    bucket: 'drops',
    async dispose() {
      objects.close()
      await rm(dir, { recursive: true })
    },
  }
}

for (const versioned of [false, true]) {
  objectsContract(versioned ? 'in memory, with versions' : 'in memory', async () => ({
    objects: createMemoryObjects({ versioned, clock: systemClock }),
    bucket: 'drops',
    dispose: async () => {},
  }))
}
objectsContract('on one machine', onOneMachine)
