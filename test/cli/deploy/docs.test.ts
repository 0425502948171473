/** docs/deploy.md and docs/operations.md say what serverless.yml and the command line have. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { at } from '../../../cli/deploy/template.ts'
import { build } from '../../../cli/main.ts'
import { readYaml } from '../../../local/serverless/variables.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const text = readFileSync(path.join(root, 'docs/deploy.md'), 'utf8')
const section = text.slice(text.indexOf('## Parameters'), text.indexOf('## Who may deploy'))

test('every parameter is written down, and no other is', () => {
  const rows = [...section.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(
    ([, names = '']) => names.match(/\w+/g) ?? [],
  )
  const known = Object.keys(at(readYaml(path.join(root, 'serverless.yml')), 'params.default') ?? {})
  assert.deepEqual(rows.toSorted(), known.toSorted())
})

test('every option of the command is written down', () => {
  const command = build(() => {}).commands.find(one => one.name() === 'deploy')
  const silent = (command?.options ?? []).filter(({ long }) => !text.includes(long ?? ''))
  assert.deepEqual(
    silent.map(({ long }) => long),
    [],
  )
})

test('every verb that has to do with a stage in AWS is in the table of verbs', () => {
  const manual = readFileSync(path.join(root, 'docs/operations.md'), 'utf8')
  const table = manual.slice(manual.indexOf('## The verbs'), manual.indexOf('## Runbooks'))
  const said = new Set([...table.matchAll(/`(?:npx millrace )?([a-z]+)/g)].map(([, verb]) => verb))
  /** They know no stage: a machine's own stack, a file at hand, the simulator. */
  const elsewhere = ['demo', 'help', 'init', 'plan', 'simulate', 'up']
  const verbs = build(() => {}).commands.map(command => command.name())
  const silent = verbs.filter(verb => !said.has(verb) && !elsewhere.includes(verb))
  assert.deepEqual(silent, [])
  assert.deepEqual(
    [...said].filter(verb => !verbs.includes(verb ?? '')),
    [],
  )
})
