import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { bundleFunctions } from '../../infra/bundle.ts'
import { placed } from '../../infra/where.ts'

const source = `import { MillraceError } from '${path.resolve(import.meta.dirname, '../../shared/errors.ts')}'

function deep(): never {
  throw new MillraceError('NOT_FOUND', 'as asked')
}

export const handler = (): unknown => deep()
`

describe('a stack trace of a bundle', () => {
  let scratch = ''
  let dist = ''
  let trace = ''
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'millrace-where-'))
    dist = path.join(scratch, 'dist')
    const functionsDir = path.join(scratch, 'functions')
    await mkdir(functionsDir)
    await writeFile(path.join(functionsDir, 'broken.ts'), source)
    const pipelinesDir = path.join(import.meta.dirname, 'fixtures/pipelines')
    await bundleFunctions({ functionsDir, pipelinesDir, outDir: dist })
    const { handler } = await import(pathToFileURL(path.join(dist, 'broken.mjs')).href)
    try {
      handler()
    } catch (error) {
      trace = String((error as Error).stack)
    }
  })
  after(() => rm(scratch, { recursive: true, force: true }))

  it('can be read as one of the sources', async () => {
    const map = JSON.parse(await readFile(path.join(dist, 'broken.mjs.map'), 'utf8'))
    assert.ok(map.sources.some((file: string) => file.endsWith('functions/broken.ts')))
    const read = placed(trace, dist)
    assert.match(trace, /broken\.mjs:\d+:\d+/)
    assert.match(read, /functions\/broken\.ts:4:9/)
    assert.match(read, /functions\/broken\.ts:7:\d+/)
    assert.match(read, /as asked/)
  })

  it('cannot be read where it is of no bundle that is there: it stays as it is', () => {
    const strange = 'at f (file:///var/task/dist/other.mjs:1:23)\n    at g (node:internal/process:1:2)\n'
    assert.equal(placed(strange, dist), strange)
  })
})
