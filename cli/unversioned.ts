/** A drop into a bucket that keeps no versions: what sets it apart is known once its event has come in. */
import { MillraceError } from '../shared/errors.ts'
import type { ObjectRef } from '../shared/ports.ts'
import { recordKeys } from '../shared/records.ts'
import type { World } from '../shared/world.ts'

type Reads = Pick<World, 'records' | 'clock' | 'config'>

/** Of all drops of the key that the ledger has: the newest thousand and more. */
export async function knownIdentities(
  { records }: Pick<Reads, 'records'>,
  ref: ObjectRef,
): Promise<string[]> {
  const { pk, sk } = recordKeys.source(ref, '')
  const { items } = await records.query({ pk, skPrefix: sk, newestFirst: true })
  return items.map(item => String(item.sk).slice(sk.length))
}

/**
 * Waits for the ledger's entry of what was just written.
 * @param before what the ledger had before the write
 * Errors: NOT_FOUND after `withinMs`.
 */
export async function newIdentity(
  world: Reads,
  ref: ObjectRef,
  { etag, before, withinMs }: { etag: string; before: readonly string[]; withinMs: number },
): Promise<string> {
  const deadline = world.clock.now() + withinMs
  while (world.clock.now() < deadline) {
    const known = await knownIdentities(world, ref)
    const found = known.find(identity => identity.startsWith(`${etag}+`) && !before.includes(identity))
    if (found !== undefined) return found
    await world.clock.sleep(world.config.stage === 'local' ? 50 : 2000)
  }
  throw new MillraceError('NOT_FOUND', `${ref.key} is written, but no run was registered for it in time`, {
    remedy: `Look whether EventBridge is on for the bucket ${ref.bucket}; \`millrace audit\` tells what became of it.`,
  })
}
