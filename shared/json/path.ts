/** The way from the root of a JSON document to the array of its records. Pure. */
import { refused } from './tokens.ts'

/** Named where the path leads nowhere. */
const keysNamedMax = 20
const kinds: Record<string, string> = {
  '{': 'an object',
  '[': 'an array',
  '"': 'a string',
  t: 'true',
  f: 'false',
  n: 'null',
}

export class JsonPath {
  /** How many of the containers around are on the way, the root first. */
  depth = 0
  readonly #names: string[]
  /** Of the object at hand on the way. */
  #keys: string[] = []
  readonly #taken: boolean[] = []

  /** @param path names with dots between them; absent: the root is the array */
  constructor(path: string | undefined) {
    this.#names = path === undefined ? [] : path.split('.')
  }

  /** A value on the way begins. Returns whether it is the array. Errors: BAD_INPUT where it is of a wrong kind. */
  enters(byte: number, where: string): boolean {
    const names = this.#names
    const first = String.fromCharCode(byte)
    const kind = kinds[first] ?? 'a number'
    const isArray = this.depth === names.length
    if (isArray && first !== '[') {
      const what =
        names.length === 0 ? `${kind} stands where the array of records should` : `${this.#way()} is ${kind}`
      throw refused('JSON_NOT_ARRAY', `${where}: ${what}`, arrayRemedy)
    }
    if (!isArray && first !== '{') {
      const what = this.depth === 0 ? 'the document' : this.#way()
      throw refused(
        'PATH_NOT_FOUND',
        `${where}: ${what} is ${kind}, no object with ${this.#wanted()}`,
        pathRemedy,
      )
    }
    this.depth++
    this.#keys = []
    return isArray
  }

  /** A key of the object at hand on the way. Returns whether its value is on the way too. */
  takes(key: string, where: string): boolean {
    const level = this.depth - 1
    if (this.#keys.length < keysNamedMax) this.#keys.push(key)
    if (key !== this.#names[level]) return false
    if (this.#taken[level]) {
      throw refused(
        'PATH_TWICE',
        `${where}: the key ${JSON.stringify(key)} stands twice in its object`,
        pathRemedy,
      )
    }
    this.#taken[level] = true
    return true
  }

  /** The innermost container on the way ends. Errors: BAD_INPUT where the path goes no further. */
  leaves(where: string): void {
    const level = this.depth - 1
    if (level < this.#names.length && !this.#taken[level]) {
      const seen = this.#keys.map(key => JSON.stringify(key)).join(', ')
      const words = `${where}: the object ends without ${this.#wanted()}; its keys are ${seen === '' ? 'none' : seen}`
      throw refused('PATH_NOT_FOUND', words, pathRemedy)
    }
    this.depth--
  }

  #way(): string {
    return this.#names.slice(0, this.depth).join('.')
  }

  #wanted(): string {
    return this.#names.slice(0, this.depth + 1).join('.')
  }
}

const arrayRemedy =
  'Set source.path to where the array is, or source.format to ndjson where each line is a record of its own.'
const pathRemedy = 'Correct source.path in the pipeline, or the file, and drop it again.'
