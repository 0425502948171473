/** The records of a JSON document as lines. */
import { JsonArray } from '../../shared/json/array.ts'
import type { Pipeline } from '../../shared/pipeline.ts'

/**
 * The chunks of a whole document, each as long as before; of another format, as they are.
 * Errors: BAD_INPUT with a refusal (JSON_NOT_ARRAY, PATH_NOT_FOUND, PATH_TWICE, JSON_TOO_DEEP, JSON_BROKEN).
 */
export async function* arrayLines(
  chunks: AsyncIterable<Buffer>,
  { source }: Pick<Pipeline, 'source'>,
): AsyncGenerator<Buffer> {
  if (source.format !== 'json') return yield* chunks
  const array = new JsonArray(source.path)
  for await (const chunk of chunks) yield array.rewrite(chunk)
  array.end()
}
