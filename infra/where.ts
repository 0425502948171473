/** `node infra/where.ts < trace.txt`: a function's stack trace, with the places in the sources that it was built from. */
import { existsSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import path from 'node:path'
import { text } from 'node:stream/consumers'

/**
 * @param dist folder of the bundles with their maps, of the same build as the trace
 * @returns the trace with `<source>:<line>:<column>` instead of `<bundle>.mjs:<line>:<column>`; what has no map stays
 */
export function placed(trace: string, dist: string): string {
  const maps = new Map<string, SourceMap | undefined>()
  return trace.replace(/[^\s()"]*?([\w-]+)\.mjs:(\d+):(\d+)/g, (whole, name: string, line, column) => {
    if (!maps.has(name)) maps.set(name, mapOf(path.join(dist, `${name}.mjs.map`)))
    const found = maps.get(name)?.findOrigin(Number(line), Number(column))
    if (found === undefined || !('fileName' in found)) return whole
    return `${path.relative('', path.resolve(dist, found.fileName))}:${found.lineNumber}:${found.columnNumber}`
  })
}

function mapOf(file: string): SourceMap | undefined {
  return existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : undefined
}

if (import.meta.main) {
  process.stdout.write(placed(await text(process.stdin), path.join(import.meta.dirname, '..', 'dist')))
}
