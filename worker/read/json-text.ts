/** What JSON is, byte by byte and whole. */

/** Bytes of NaN or Infinity in any case, which DuckDB takes for JSON: an N, an I, an i, or an A behind an n. */
export function isBeyondJson(byte: number, before: number): boolean {
  return byte === 78 || byte === 73 || byte === 105 || ((byte | 32) === 97 && before === 110)
}

/** Of a JSON string; `undefined` where it is none. */
export function unescaped(bytes: Buffer, begin: number, end: number): Buffer | undefined {
  try {
    return Buffer.from(JSON.parse(bytes.toString('utf8', begin, end)) as string)
  } catch {
    return undefined
  }
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
