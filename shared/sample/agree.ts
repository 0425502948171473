/** Several samples as one: they must be written alike, and have the same columns. Pure. */
import { MillraceError } from '../errors.ts'
import { type InferredColumn, inferJson, inferText } from '../plan/infer-columns.ts'
import type { Sample } from './findings.ts'

/** Errors: BAD_INPUT with every difference. */
export function agreed(samples: readonly (readonly [file: string, sample: Sample])[]): Sample {
  const [[firstFile, first] = ['', undefined], ...others] = samples
  if (first === undefined) throw new RangeError('there is no sample')
  const differences = others.flatMap(([file, sample]) =>
    differencesOf(first, sample).map(words => `${file}: ${words}`),
  )
  if (differences.length > 0) {
    throw new MillraceError(
      'BAD_INPUT',
      `the samples differ from ${firstFile}:\n  ${differences.join('\n  ')}`,
      {
        remedy: 'Give samples of one kind; write a pipeline for each kind.',
      },
    )
  }
  return others.reduce((all, [, sample]) => merged(all, sample), first)
}

function differencesOf(one: Sample, other: Sample): string[] {
  const settings = new Set([...Object.keys(one.source), ...Object.keys(other.source)])
  const written = [...settings]
    .filter(setting => one.source[setting] !== other.source[setting])
    .map(setting => `${setting} is ${shown(other.source[setting])}, not ${shown(one.source[setting])}`)
  const isTable = one.kind === 'text' && other.kind === 'text'
  const lacking = isTable ? [...one.values.keys()].filter(name => !other.values.has(name)) : []
  const extra = isTable ? [...other.values.keys()].filter(name => !one.values.has(name)) : []
  return [
    ...written,
    ...lacking.map(name => `it lacks the column ${name}`),
    ...extra.map(name => `it has the column ${name} more`),
  ]
}

const shown = (value: unknown): string => (value === undefined ? 'the default' : JSON.stringify(value))

function merged(one: Sample, other: Sample): Sample {
  const names = new Set([...one.values.keys(), ...other.values.keys()])
  const values = [...names].map((name): [string, (string | undefined)[]] => [
    name,
    [...(one.values.get(name) ?? []), ...(other.values.get(name) ?? [])],
  ])
  const notes = [...new Set([...one.notes, ...other.notes])]
  return { ...one, values: new Map(values), records: one.records + other.records, notes }
}

export function columnsOf({ kind, values }: Sample): InferredColumn[] {
  const infer = kind === 'json' ? inferJson : inferText
  return [...values].map(([name, own]) => infer(name, own))
}
