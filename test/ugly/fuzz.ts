/** `node test/ugly/fuzz.ts <cuts> <seed> [share of files in blocks]`: exits 1 if a cut changes a record. */
import { tallyCuts } from './cuts.ts'

const [cuts = '1000000', seed = '1', blocksShare = '0'] = process.argv.slice(2)
const began = performance.now()
const tally = await tallyCuts(Number(cuts), Number(seed), Number(blocksShare))
const seconds = Math.round((performance.now() - began) / 1000)
process.stdout.write(`${JSON.stringify({ seed: Number(seed), ...tally, seconds })}\n`)
process.exitCode = tally.differences.length === 0 ? 0 : 1
