/** Avro: its records come as lines of our own dialect, a text for each field. */
import { ownPrefix } from '../../../shared/added-columns.ts'
import type { RunDocument } from '../../../shared/documents.ts'
import type { RecordFormat } from '../format.ts'
import { ownDialect } from '../own-dialect.ts'
import { csvFormat } from './csv.ts'

/** A line that is empty would be none: a single field is followed by one that is not NULL. */
const behindColumn = `${ownPrefix}behind`

/** The fields that are read, in the file's order. */
export function avroFields({ layout, columns }: Pick<RunDocument, 'layout' | 'columns'>): string[] {
  const names = columns.map(({ name }) => name)
  return layout.fields?.filter(field => names.includes(field)) ?? names
}

export function avroFormat(run: Pick<RunDocument, 'layout' | 'columns'>): RecordFormat {
  const fields = avroFields(run)
  const spooled = fields.length === 1 ? [...fields, behindColumn] : fields
  return csvFormat(ownDialect, spooled, { pads: false, keepsSurplus: false })
}
