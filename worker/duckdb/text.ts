/** Words of SQL made from data. Pure. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function name(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
