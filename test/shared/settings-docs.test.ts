/** docs/pipelines.md, "every setting", against the schema that checks them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { pipelineSchema } from '../../shared/pipeline.ts'

const file = path.resolve(import.meta.dirname, '../../docs/pipelines.md')
const text = readFileSync(file, 'utf8')
const rows = text
  .slice(0, text.indexOf('\n## '))
  .split('\n')
  .filter(line => line.startsWith('| `'))
  .map(line => {
    const [, names = '', defaults = ''] = line.split(/(?<!\\)\|/)
    return { names: [...names.matchAll(/`([\w.]+)`/g)].map(([, name = '']) => name), defaults, line }
  })

interface Def {
  type: string
  shape?: Record<string, Schema>
  innerType?: Schema
  in?: Schema
  options?: Schema[]
  element?: Schema
  defaultValue?: unknown
}
interface Schema {
  _zod: { def: unknown }
}
interface Setting {
  name: string
  /** Where the schema has one that can be written in a word. */
  preset?: string | number | boolean
}

/** Every name that a pipeline file may have, `job.volumes.path`; of a list, those of its members. */
function settingsIn(schema: Schema, at: string[] = [], preset?: unknown): Setting[] {
  const { type, shape, innerType, in: input, options, element, defaultValue } = schema._zod.def as Def
  const name = at.join('.')
  const plain = typeof preset === 'object' ? undefined : (preset as Setting['preset'])
  const own = name === '' ? [] : [{ name, ...(plain !== undefined && { preset: plain }) }]
  const inner = innerType ?? input
  if (inner !== undefined) return settingsIn(inner, at, type === 'default' ? defaultValue : preset)
  if (options !== undefined) return [...own, ...options.flatMap(one => settingsIn(one, at))]
  if (element !== undefined) return [...own, ...settingsIn(element, at)]
  const members = Object.entries(shape ?? {}).flatMap(([key, one]) => settingsIn(one, [...at, key]))
  return [...own, ...members]
}

const settings = new Map(settingsIn(pipelineSchema).map(one => [one.name, one]))
const isGroup = (name: string): boolean => [...settings.keys()].some(other => other.startsWith(`${name}.`))

/** Its own row; or that of what it is part of, if that names it. */
function rowOf(name: string): (typeof rows)[number] | undefined {
  const own = rows.find(({ names }) => names.includes(name))
  if (own !== undefined) return own
  const parts = name.split('.')
  const row = rows.find(({ names }) => names.some(one => name.startsWith(`${one}.`)))
  return row && new RegExp(`\\b${parts.at(-1)}\\b`).test(row.line) ? row : undefined
}

describe('the table of settings', () => {
  it('has every setting', () => {
    assert.ok(settings.size > 90, `only ${settings.size} found`)
    const silent = [...settings.keys()].filter(name => !isGroup(name) && rowOf(name) === undefined)
    assert.deepEqual(silent, [])
  })

  it('has no setting that there is not', () => {
    const strange = rows.flatMap(({ names }) => names).filter(name => !settings.has(name))
    assert.deepEqual(strange, [])
  })

  it('has the defaults that are filled in', () => {
    for (const { name, preset } of settings.values()) {
      if (preset === undefined) continue
      const { names = [], defaults = '', line = '' } = rowOf(name) ?? {}
      const where = names.includes(name) ? defaults : line
      const words = [String(preset), preset.toLocaleString('en-US'), ...inBytes(preset)]
      assert.ok(
        words.some(word => new RegExp(`(^|[^\\w.])${word}([^\\w]|$)`).test(where)),
        `${name} is ${preset} by default: ${where}`,
      )
    }
  })
})

function inBytes(preset: unknown): string[] {
  const tebibytes = Number(preset) / 1024 ** 4
  return Number.isInteger(tebibytes) && tebibytes > 0 ? [`${tebibytes} TiB`] : []
}
