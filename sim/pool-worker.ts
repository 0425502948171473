/** One core of a campaign. */
import { parentPort, workerData } from 'node:worker_threads'
import { playSeeds, type Seeds } from './campaign.ts'

/** Errors are part of most stories, and nobody reads where they were made. */
const framesKept = 4
Error.stackTraceLimit = framesKept

await playSeeds(workerData as Seeds, tally => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of Node's, not a window
  parentPort?.postMessage(tally)
  return true
})
