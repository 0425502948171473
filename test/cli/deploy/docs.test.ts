/** docs/deploy.md says what serverless.yml and the command have. */
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
