/** Patterns over keys: `*` and `?` stop at a slash, `**` does not. Pure. */

const slash = 47
/** Of the tokens of a pattern; every other one is a character's code. */
const anyKeys = -1
const anyName = -2
const anyCharacter = -3
const wildcards: Record<string, number> = { '**': anyKeys, '*': anyName, '?': anyCharacter }

/**
 * Takes time in proportion to the pattern times the key, whatever is in them: a regular expression of many stars can
 * take for ever.
 */
export function globMatcher(glob: string): (key: string) => boolean {
  const tokens = (glob.match(/\*\*|[\s\S]/g) ?? []).map(token => wildcards[token] ?? token.charCodeAt(0))
  return key => matches(tokens, key)
}

/** By the places in the pattern to which the key, as far as it is read, may have led. */
function matches(tokens: readonly number[], key: string): boolean {
  let now = new Uint8Array(tokens.length + 1)
  let next = new Uint8Array(tokens.length + 1)
  now[0] = 1
  passStars(tokens, now)
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at)
    next.fill(0)
    for (let place = 0; place < tokens.length; place++) {
      if (now[place] === 1) step(tokens[place] ?? 0, code, place, next)
    }
    passStars(tokens, next)
    ;[now, next] = [next, now]
  }
  return now[tokens.length] === 1
}

function step(token: number, code: number, place: number, next: Uint8Array): void {
  if (token === anyKeys || (token === anyName && code !== slash)) next[place] = 1
  else if (token === code || (token === anyCharacter && code !== slash)) next[place + 1] = 1
}

/** A star may stand for nothing. */
function passStars(tokens: readonly number[], places: Uint8Array): void {
  for (let place = 0; place < tokens.length; place++) {
    const token = tokens[place]
    if (places[place] === 1 && (token === anyKeys || token === anyName)) places[place + 1] = 1
  }
}
