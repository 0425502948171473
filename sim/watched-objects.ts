/** The outputs and certificates of a house, every write of which is held against the promises. */
import { type Certificate, officialOutputs } from '../shared/certificate.ts'
import type { Objects } from '../shared/ports.ts'
import type { Invariants } from './invariants.ts'

/** Objects whose writes are watched: outputs and certificates never change once they are there. */
export function watchedObjects(
  base: Objects,
  invariants: Invariants,
  outputBucket: string,
  certified: (text: string) => Promise<void>,
): Objects {
  const named = new Set<string>()
  return {
    ...base,
    async write(ref, body, options) {
      if (ref.bucket !== outputBucket) return base.write(ref, body, options)
      const standing = await base.head(ref)
      const info = await base.write(ref, body, options)
      if (standing) invariants.breach('Once', `${ref.key} is overwritten`)
      if (ref.key.includes('/_millrace/') && body instanceof Uint8Array) {
        const text = Buffer.from(body).toString()
        for (const { key } of officialOutputs(JSON.parse(text) as Certificate)) named.add(key)
        await certified(text)
      }
      return info
    },
    async remove(refs) {
      for (const { bucket, key } of refs) {
        if (bucket === outputBucket && named.has(key))
          invariants.breach('Once', `${key} is removed, and a certificate names it`)
      }
      return base.remove(refs)
    },
  }
}
