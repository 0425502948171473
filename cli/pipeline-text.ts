/** A pipeline file as a person would write it, with what is to be reviewed as comments. Pure. */
import { join, relative, resolve } from 'node:path'
import type { Draft } from './init.ts'

const house = resolve(import.meta.dirname, '..')

/** @param folder where it is to stand: inside the checkout the editor finds the types by their path */
export function pipelineText(draft: Draft, folder: string): string {
  const { pipeline, columns, files, records, notes } = draft
  const { columns: _, ...settings } = pipeline.source as Record<string, unknown>
  const looked = records === 0 ? 'its own schema' : `${records} records`
  const lines = [
    `import { definePipeline } from ${quoted(moduleFor(folder))}`,
    '',
    '/**',
    ` * Written by \`millrace init\` from ${commented(files.join(', '))} (${looked} looked at). Review it:`,
    ' * what is left out is found anew in every file (encoding, compression, quotes).',
    ...notes.map(note => ` * - ${commented(note)}`),
    ' */',
    'export default definePipeline({',
    `  name: ${quoted(pipeline.name)},`,
    '  source: {',
    ...Object.entries(settings).map(([name, value]) => `    ${name}: ${valueText(value)},`),
    ...(columns.length === 0 ? [] : ['    columns: {', ...columns.map(columnLine), '    },']),
    '  },',
    `  work: { sql: ${quoted(pipeline.work.sql ?? '')} },`,
    `  output: { prefix: ${quoted(pipeline.output.prefix)} },`,
    '})',
  ]
  return `${lines.join('\n')}\n`
}

function moduleFor(folder: string): string {
  const path = relative(folder, join(house, 'shared', 'pipeline.ts'))
  const inHouse = !relative(house, folder).startsWith('..')
  return inHouse ? path : 'millrace'
}

function columnLine({ name, type, note }: Draft['columns'][number]): string {
  const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name)
  return `      ${key}: ${quoted(type)},${note ? ` // ${note.replace(/[\r\n\u2028\u2029]/g, ' ')}` : ''}`
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value)
}

/** As TypeScript, whatever is in it. */
function quoted(text: string): string {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${inner}'`
}

function commented(text: string): string {
  return text.replaceAll('*/', '* /').replace(/[\r\n]/g, ' ')
}
