/** Two readings of one head, in words for the person who has to choose. Pure. */
import type { CsvDialect } from '../layout.ts'
import type { Reading } from './reading.ts'
import type { Refusal } from './refusal.ts'

export function dialectUnclear(one: Reading, other: Reading): Refusal {
  return {
    code: 'DIALECT_UNCLEAR',
    words: `the first records can be read in two ways: ${readingWords(one)}; or ${readingWords(other)}`,
    remedy: `Say which: ${settings(one.dialect)}, or ${settings(other.dialect)}.`,
  }
}

function readingWords({ dialect: { delimiter, quote, escape: by, comment }, fields }: Reading): string {
  const quoted = quote === '' ? 'no quotes' : `quote ${quote}`
  const more = [...(by ? [`escape ${by}`] : []), ...(comment ? [`comments with ${comment}`] : [])]
  const columns = fields === 1 ? 'one column' : `${fields} columns`
  return `${columns} (${[`delimiter ${JSON.stringify(delimiter)}`, quoted, ...more].join(', ')})`
}

function settings({ comment = '', ...dialect }: CsvDialect): string {
  return Object.entries({ ...dialect, comment })
    .map(([name, value]) => `source.${name} ${JSON.stringify(value)}`)
    .join(', ')
}
