/**
 * Keys as file names a person can read: an ordinary key is its own path. `%` starts whatever is not ordinary, so
 * that no two keys share a path:
 *
 *   %41   a byte of UTF-8 that a file name should not have (control characters, `%`, `\`, `:` ...), or a dot of
 *         a component that is nothing but dots
 *   %     alone: an empty component (`a//b` is a/%/b, `a/` is a/%)
 *   x%+   at the end of a folder: the component is too long for one name and goes on in the next
 *   x%=   at the end of a folder: there is a file x beside it, the object of the key that ends there
 *   x%~   at the end of a file: there is a folder x beside it, with the objects of longer keys
 *
 * A file that a person put there under a name that we would have written otherwise is taken by its literal name.
 */
import path from 'node:path'

/** Linux, macOS and Windows all allow 255; two are kept for a mark. */
const nameBytesMax = 253
export const folderMark = '%='
export const fileMark = '%~'
const goesOn = '%+'

const unsafe = /[\p{Cc}%\\:*?"<>|]/gu
const onlyDots = /^\.+$/

/** The plain path of a key, without marks for neighbours, relative to its bucket's folder; parts of `/`. */
export function namesOf(key: string): string[] {
  return key.split('/').flatMap(component => pieces(escaped(component)))
}

function escaped(component: string): string {
  if (component === '') return '%'
  return component.replace(onlyDots.test(component) ? /\./g : unsafe, percented)
}

function percented(letter: string): string {
  return Buffer.from(letter).toString('hex').toUpperCase().replace(/../g, '%$&')
}

/** Cut between characters and never within an escape, or the piece could not be read back. */
function pieces(name: string): string[] {
  if (Buffer.byteLength(name) <= nameBytesMax) return [name]
  const names: string[] = []
  let piece = ''
  let bytes = 0
  for (const [unit] of name.matchAll(/%[0-9A-F]{2}|./gsu)) {
    const more = Buffer.byteLength(unit)
    if (bytes + more > nameBytesMax) {
      names.push(piece + goesOn)
      piece = ''
      bytes = 0
    }
    piece += unit
    bytes += more
  }
  return [...names, piece]
}

/** The key of a path that was found. */
export function keyAt(relativePath: string): string {
  const names = relativePath.split(path.sep)
  const file = names.length - 1
  const plain = names.map((name, at) => withoutMark(name, at === file ? fileMark : folderMark))
  const key = decoded(plain)
  const ours = key !== undefined && namesOf(key).join('/') === plain.join('/')
  return ours ? key : names.join('/')
}

function withoutMark(name: string, mark: string): string {
  return name.endsWith(mark) ? name.slice(0, -mark.length) : name
}

function decoded(names: string[]): string | undefined {
  const whole = names
    .map(name => (name.endsWith(goesOn) ? name.slice(0, -goesOn.length) : `${name}/`))
    .join('')
  const components = whole.slice(0, -1).split('/')
  try {
    return components.map(name => (name === '%' ? '' : decodeURIComponent(name))).join('/')
  } catch {
    return undefined
  }
}
