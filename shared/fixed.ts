/** Records whose fields stand at fixed places, counted in characters. Pure. */
import type { Column } from './documents.ts'
import type { Pipeline } from './pipeline.ts'

type Source = Pipeline['source']
export type FixedSource = Extract<Source, { format: 'fixed' }>

/** The field is characters [begin, end) of the record. */
export interface FixedField {
  name: string
  begin: number
  end: number
}

/** In the order of the pipeline. They may leave gaps, and may overlap. */
export function fixedFields({ fields }: Pick<FixedSource, 'fields'>): FixedField[] {
  let behind = 0
  return fields.map(({ name, start, width }) => {
    const begin = start ?? behind
    behind = begin + width
    return { name, begin, end: behind }
  })
}

export function fixedColumns({ fields }: Pick<FixedSource, 'fields'>): Column[] {
  return fields.map(({ name, type }) => ({ name, type }))
}

/** Records of so many bytes each with nothing between them; `undefined`: they end in some other way. */
export function recordBytesOf(source: Source): number | undefined {
  return source.format === 'fixed' ? source.recordBytes : undefined
}
