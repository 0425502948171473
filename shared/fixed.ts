/** Records whose fields stand at fixed places, counted in characters. Pure. */
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

/** Records of so many bytes each with nothing between them; `undefined`: they end in some other way. */
export function recordBytesOf(source: Source): number | undefined {
  return source.format === 'fixed' ? source.recordBytes : undefined
}

/** What is wrong with the fields beyond each of them alone. */
export function fixedFaults(source: Source): { key: string; fault: string }[] {
  if (source.format !== 'fixed') return []
  const folded = source.fields.map(({ name }) => name.toLowerCase())
  const twice = source.fields.find((_, at) => folded.indexOf(folded[at] ?? '') !== at)
  const end = Math.max(...fixedFields(source).map(field => field.end))
  const { recordBytes = end } = source
  return [
    ...(twice ? [{ key: 'fields', fault: `name ${twice.name} twice (case is ignored)` }] : []),
    ...(recordBytes < end
      ? [{ key: 'recordBytes', fault: `is less than the ${end} characters of the fields` }]
      : []),
  ]
}
