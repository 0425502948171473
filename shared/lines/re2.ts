/**
 * Is a text an expression that RE2 compiles? Looks for what RE2 has (github.com/google/re2/wiki/Syntax), so that a
 * pattern is found wrong when its pipeline is loaded, where there is no RE2 at hand. Pure.
 */
import { codeOf, escapeLength } from './re2-escapes.ts'

/** RE2's own: a counted repetition, and the product of those that are nested. */
const repetitionsMax = 1000
const depthMax = 200

export interface Re2 {
  /** Of every capturing group, in order; absent where it has no name. */
  groups: (string | undefined)[]
}

/** Thrown to leave the walk; never seen outside. */
class Fault extends Error {}

/** Answers its groups, or the fault in words. */
export function readRe2(pattern: string): Re2 | string {
  if (!pattern.isWellFormed() || pattern.includes('\0')) return 'it is no well-formed text'
  const walk = new Walk(pattern)
  try {
    walk.alternatives(0)
    return walk.rest() === '' ? { groups: walk.groups } : `${walk.place()}: a ) closes nothing`
  } catch (error) {
    if (error instanceof Fault) return error.message
    throw error
  }
}

const posixClass =
  /^\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/
const counted = /^\{(\d+)(,?)(\d*)\}/

class Walk {
  readonly groups: (string | undefined)[] = []
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  rest(): string {
    return this.#text.slice(this.#at)
  }

  place(): string {
    return `character ${this.#at + 1}`
  }

  /** Up to a `)` or the end. Answers the most that repetitions multiply to. */
  alternatives(depth: number): number {
    if (depth > depthMax) throw this.#fault(`groups are nested more than ${depthMax} deep`)
    let most = 1
    let atom = 0
    while (this.#at < this.#text.length && this.#text[this.#at] !== ')') {
      const repeated = this.#repetition()
      if (repeated === undefined) atom = this.#atom(depth)
      else if (atom === 0) throw this.#fault('there is nothing to repeat before it')
      else {
        if (repeated * atom > repetitionsMax)
          throw this.#fault(`repetitions must not multiply to more than ${repetitionsMax}`)
        most = Math.max(most, repeated * atom)
        atom = 0
        continue
      }
      most = Math.max(most, atom)
    }
    return most
  }

  /** `undefined` where there is none; how often at least, or at most, of a counted one. */
  #repetition(): number | undefined {
    const rest = this.rest()
    const [found, from, comma, to] = counted.exec(rest) ?? []
    const simple = /^[*+?]/.test(rest)
    if (found === undefined && !simple) return undefined
    this.#at += (found ?? '*').length
    if (this.#text[this.#at] === '?') this.#at++
    if (found === undefined) return 1
    const min = Number(from)
    const max = comma === '' || to === '' ? min : Number(to)
    if (min > repetitionsMax || max > repetitionsMax || max < min)
      throw this.#fault(`${found} is out of bounds`)
    return Math.max(1, max)
  }

  /** Answers 0 where nothing may be repeated behind it. */
  #atom(depth: number): number {
    const char = this.#text[this.#at]
    if (char === '|') return this.#skip(1, 0)
    if (char === '(') return this.#group(depth)
    if (char === '[') return this.#class()
    if (char === '\\') return this.#escape()
    return this.#skip(1, 1)
  }

  #group(depth: number): number {
    const rest = this.rest()
    const [flags, end] = /^\(\?[imsU]*(?:-[imsU]+)?([:)])/.exec(rest) ?? []
    if (flags === '(?)' || flags?.endsWith('-)')) throw this.#fault(`${flags} is unknown`)
    if (flags !== undefined && end === ')') return this.#skip(flags.length, 0)
    const [opening, name] = /^\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>/.exec(rest) ?? []
    if (flags === undefined && opening === undefined && rest.startsWith('(?')) throw this.#unknownGroup(rest)
    if (name !== undefined && this.groups.includes(name)) throw this.#fault(`two groups are named ${name}`)
    if (flags === undefined) this.groups.push(name)
    const from = this.place()
    this.#at += (flags ?? opening ?? '(').length
    const inner = this.alternatives(depth + 1)
    if (this.#text[this.#at] !== ')') throw new Fault(`${from}: the group is never closed`)
    return this.#skip(1, inner)
  }

  #unknownGroup(rest: string): Fault {
    if (/^\(\?<?[=!]/.test(rest)) return this.#fault('RE2 has no lookahead and no lookbehind')
    if (/^\(\?P?[<'=>]/.test(rest))
      return this.#fault('a group is named (?<name>…), with letters, digits and _ only')
    return this.#fault(`RE2 does not know ${rest.slice(0, 3)}`)
  }

  #escape(): number {
    const rest = this.rest()
    if (rest === '\\') throw this.#fault('a backslash ends the pattern')
    if (rest.startsWith('\\Q')) {
      const end = rest.indexOf('\\E')
      if (end === -1) throw this.#fault('the \\Q is never closed by \\E')
      return this.#skip(end + 2, end === 2 ? 0 : 1)
    }
    const [assertion] = /^\\[AbBz]/.exec(rest) ?? []
    if (assertion !== undefined) return this.#skip(2, 1)
    const length = escapeLength(rest)
    if (/^\\[1-9k]/.test(rest)) throw this.#fault('RE2 has no references back to a group')
    if (length === 0) throw this.#fault(`RE2 does not know ${rest.slice(0, 2)}`)
    return this.#skip(length, 1)
  }

  #class(): number {
    const from = this.place()
    this.#at += this.#text.startsWith('[^', this.#at) ? 2 : 1
    for (let first = true; first || this.#text[this.#at] !== ']'; first = false) {
      if (this.#at >= this.#text.length) throw new Fault(`${from}: the [ is never closed`)
      const low = this.#classMember()
      const ranged = this.#text[this.#at] === '-' && ![']', undefined].includes(this.#text[this.#at + 1])
      if (low === undefined || !ranged) continue
      this.#at++
      const high = this.#classMember(false)
      if (high === undefined || high < low) throw this.#fault('the range of the class is not in order')
    }
    return this.#skip(1, 1)
  }

  /** The code point of a single character; `undefined` of a class within the class. */
  #classMember(named = true): number | undefined {
    const rest = this.rest()
    const [posix] = (named && posixClass.exec(rest)) || []
    if (posix !== undefined) return void this.#skip(posix.length, 0)
    if (named && rest.startsWith('[:') && rest.includes(':]')) throw this.#fault('the class is unknown')
    if (rest[0] !== '\\') {
      const code = rest.codePointAt(0)
      this.#at += code !== undefined && code > 0xffff ? 2 : 1
      return code
    }
    const length = escapeLength(rest)
    if (length === 0) throw this.#fault(`RE2 does not know ${rest.slice(0, 2)} in a class`)
    this.#at += length
    return codeOf(rest.slice(0, length))
  }

  #skip(length: number, answer: number): number {
    this.#at += length
    return answer
  }

  #fault(words: string): Fault {
    return new Fault(`${this.place()}: ${words}`)
  }
}
