/** Words of SQL made from data. Pure. */

/** The statement would end at a NUL. */
export function literal(text: string): string {
  const parts = text.split('\0').map(part => `'${part.replaceAll("'", "''")}'`)
  return parts.length === 1 ? `${parts[0]}` : `(${parts.join(' || chr(0) || ')})`
}

/** Names with a NUL are refused at planning. */
export function name(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
