/** `node test/ugly/fuzz.ts <cuts> <seed>`: random cuts by the million; exits 1 if one of them changes a record. */
import { tallyCuts } from './cuts.ts'

const [cuts = '1000000', seed = '1'] = process.argv.slice(2)
const began = performance.now()
const tally = await tallyCuts(Number(cuts), Number(seed))
const seconds = Math.round((performance.now() - began) / 1000)
process.stdout.write(`${JSON.stringify({ seed: Number(seed), ...tally, seconds })}\n`)
process.exitCode = tally.differences.length === 0 ? 0 : 1
