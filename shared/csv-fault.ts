/** What can be wrong with the shape of a CSV record. Pure. */
export const CsvFault = {
  none: 0,
  quoteInField: 1,
  textAfterQuote: 2,
  unterminatedQuote: 3,
  fieldCount: 4,
  strayEscape: 5,
} as const
export type CsvFault = (typeof CsvFault)[keyof typeof CsvFault]

/** What a person reads in a reject. */
export function csvFaultWords(fault: CsvFault, fields: number, columns: number): string {
  if (fault === CsvFault.quoteInField) return 'A quote stands in the middle of a field.'
  if (fault === CsvFault.textAfterQuote) return 'Text follows the closing quote of a field.'
  if (fault === CsvFault.unterminatedQuote) return 'A quote opens a field and never closes.'
  if (fault === CsvFault.strayEscape) {
    return 'An escape stands before a letter or digit, where readers differ in what it means.'
  }
  return `The record has ${fields} fields where the table has ${columns} columns.`
}
