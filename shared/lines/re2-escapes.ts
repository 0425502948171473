/** What a backslash begins in RE2. Pure. */

const single = /^\\(?:[^A-Za-z0-9\u0080-\uffff]|[afnrtv]|x[0-9A-Fa-f]{2}|0[0-7]{0,2})/
const hex = /^\\x\{([0-9A-Fa-f]{1,6})\}/
const perlClass = /^\\[dDsSwW]/
const property = /^\\[pP](?:[LMNPSZC]|\{\^?([A-Z][A-Za-z_]*)\})/
const generalCategory = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/
const codePointMax = 0x10ffff
const letters: Record<string, number> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }

/** Of the escape at the start of `text`, one that may stand within a class and outside; 0 where there is none. */
export function escapeLength(text: string): number {
  const [code, digits] = hex.exec(text) ?? []
  if (code !== undefined) return Number.parseInt(digits ?? '', 16) > codePointMax ? 0 : code.length
  const found = single.exec(text) ?? perlClass.exec(text)
  if (found) return found[0].length
  const [whole, name] = property.exec(text) ?? []
  if (whole === undefined) return 0
  return name === undefined || generalCategory.test(name) || isScript(name) ? whole.length : 0
}

function isScript(name: string): boolean {
  try {
    return name.length > 1 && new RegExp(`\\p{Script=${name}}`, 'u').unicode
  } catch {
    return false
  }
}

/** The code point that an escape stands for; `undefined` where it stands for many. */
export function codeOf(text: string): number | undefined {
  const [, digits] = hex.exec(text) ?? /^\\x(..)$/.exec(text) ?? []
  if (digits !== undefined) return Number.parseInt(digits, 16)
  if (text[1] === '0') return Number.parseInt(text.slice(1), 8)
  const char = text[1] ?? ''
  if (perlClass.test(text) || char === 'p' || char === 'P') return undefined
  return letters[char] ?? char.codePointAt(0)
}

/** The same pattern in the one spelling of named groups that every RE2 knows: `(?P<name>…)`. */
export function spelledForRe2(pattern: string): string {
  return pattern.replaceAll(/\\Q.*?(?:\\E|$)|\\.|\(\?<(?=[A-Za-z_])/gs, found =>
    found === '(?<' ? '(?P<' : found,
  )
}
