/**
 * The steps of functions/. The doorways bring X-Ray's tracer with them, which hooks into every promise of the process
 * even where nothing is traced: half of the time of a story would be spent there.
 */
import asyncHooks from 'node:async_hooks'

const { createHook } = asyncHooks
const idle = { enable: () => idle, disable: () => idle }
Object.assign(asyncHooks, { createHook: () => idle })
const [{ partition }, { submit }, { track }, { settle }, telling, { reconcile }] = await Promise.all([
  import('../functions/partition.ts'),
  import('../functions/submit.ts'),
  import('../functions/track.ts'),
  import('../functions/settle.ts'),
  import('../functions/notify.ts'),
  import('../functions/reconcile.ts'),
])
Object.assign(asyncHooks, { createHook })

export const { tellLeaseMs, toldMark, notify } = telling
export const steps = { partition, submit, track, settle, notify, reconcile }
