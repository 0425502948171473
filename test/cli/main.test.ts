/** All commands there are: each is explained, written down, and may be piped into what does not read to the end. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { build } from '../../cli/main.ts'

const root = path.resolve(import.meta.dirname, '../..')
const program = build(() => {})
const verbs = program.commands.filter(command => command.name() !== 'help')
const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)]

describe('every command', () => {
  test('is in the table of the README, and no other is', () => {
    const table = readFileSync(path.join(root, 'README.md'), 'utf8').matchAll(/^\| `npx millrace ([a-z]+)/gm)
    const written = [...new Set([...table].map(([, verb]) => verb))]
    const known = verbs.map(command => command.name()).filter(name => name !== 'demo')
    assert.deepEqual(written.toSorted(), known.toSorted())
  })

  test('says what it does, and so does each of its options', () => {
    const silent = all(program).flatMap(command => [
      ...(command.description() === '' ? [command.name()] : []),
      ...command.options.filter(({ description }) => !description).map(({ flags }) => flags),
    ])
    assert.deepEqual(silent, [])
  })
})

test('what is piped into a reader that has seen enough ends without an error', async () => {
  const line = '"$0" cli/millrace.js --help | true'
  const shell = promisify(execFile)('bash', ['-o', 'pipefail', '-c', line, process.execPath], { cwd: root })
  assert.equal((await shell).stderr, '')
})
