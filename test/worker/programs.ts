/** Programs of users, in a folder of their own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stateKeys } from '../../shared/documents.ts'
import { buckets, type Given, runId } from './given.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-programs-'))
let programs = 0

export function removePrograms(): void {
  rmSync(dir, { recursive: true })
}

/** The command that runs this JavaScript (a module); `lines()` answers all of stdin, by lines. */
export function program(body: string): string[] {
  const file = join(dir, `${programs++}.mjs`)
  const lines = `import { readFileSync, writeFileSync, existsSync } from 'node:fs'
const lines = () => readFileSync(0, 'utf8').split('\\n').filter(line => line !== '')
const say = value => process.stdout.write(JSON.stringify(value) + '\\n')
const numbered = value => ({ ...value, id: Number(value.id) })
const kept = name => process.env.MILLRACE_CHECKPOINT_DIR + '/' + name\n`
  writeFileSync(file, lines + body)
  return [process.execPath, file]
}

/** Makes the attempts of round 1 careful, or what else an assignment may say. */
export async function assign({ objects, assignments }: Given, more: object): Promise<void> {
  const page = { round: 1, page: 0, assignments: assignments.map(each => ({ ...each, ...more })) }
  const key = stateKeys.assignments(runId, 1, 0)
  await objects.write({ bucket: buckets.state, key }, Buffer.from(JSON.stringify(page)))
}
