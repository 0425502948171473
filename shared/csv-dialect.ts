/** What holds of any CSV dialect. Pure. */
import type { CsvDialect } from './layout.ts'

/** The character that makes the next one plain; '' where that is a quote before a quote. */
export function escapeOf({ escape: escaping = '', quote }: Pick<CsvDialect, 'quote' | 'escape'>): string {
  return escaping === quote ? '' : escaping
}

/** Can its parts be told apart? Those left out are not looked at. */
export function isClear(dialect: Partial<Record<keyof CsvDialect, string | undefined>>): boolean {
  const { delimiter = '', quote = '', comment = '' } = dialect
  const marks = [quote, escapeOf({ escape: dialect.escape ?? '', quote }), comment].filter(one => one !== '')
  const distinct = new Set(marks).size === marks.length && !marks.some(one => delimiter.includes(one))
  return distinct && !/[\r\n]/.test(delimiter + marks.join(''))
}
