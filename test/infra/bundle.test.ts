import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type Bundle, bundleFunctions, readPipelines } from '../../infra/bundle.ts'
import { isError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { type FunctionName, functionNames } from '../../shared/vocabulary.ts'
import { roleActions } from './roles.ts'

const root = path.resolve(import.meta.dirname, '../..')
const functionsDir = path.join(import.meta.dirname, 'fixtures/functions')
const pipelinesDir = path.join(import.meta.dirname, 'fixtures/pipelines')
/**
 * Lambda reads a bundle whole at every cold start: this is the most we let it read. Some 30 KiB more than there is:
 * who needs more than that says so here.
 */
const bundleKiBMax: Record<FunctionName, number> = {
  partition: 675,
  submit: 610,
  track: 605,
  settle: 635,
  notify: 655,
  reconcile: 605,
}
/** By what the actions of its service begin with in IAM. */
const servicesOfClients: Record<string, string> = {
  '@aws-sdk/client-batch': 'batch',
  '@aws-sdk/client-dynamodb': 'dynamodb',
  '@aws-sdk/client-eventbridge': 'events',
  '@aws-sdk/client-s3': 's3',
  '@aws-sdk/client-scheduler': 'scheduler',
  '@aws-sdk/client-secrets-manager': 'secretsmanager',
}
/** For credentials that Lambda hands in by the environment, and tracing that a datagram does. */
const deadWeight = ['@aws-sdk/nested-clients', '@aws-sdk/credential-provider-node', 'aws-xray-sdk-core']

let scratch = ''
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'millrace-bundle-'))
})
after(() => rm(scratch, { recursive: true, force: true }))

/** A folder with one file of that content. */
async function folderWith(name: string, content: string): Promise<string> {
  const dir = await mkdtemp(path.join(scratch, 'in-'))
  await writeFile(path.join(dir, name), content)
  return dir
}

async function handlerOf(file: string): Promise<() => unknown> {
  return (await import(pathToFileURL(file).href)).handler
}

describe('bundling the functions', () => {
  it('makes one module of each, with the pipelines compiled in, and the maps and the pipelines beside them', async () => {
    const outDir = path.join(scratch, 'one-each')
    const bundles = await bundleFunctions({ functionsDir, pipelinesDir, outDir })
    assert.deepEqual(bundles.map(({ name }) => name).toSorted(), ['echo', 'queue'])
    assert.deepEqual((await readdir(outDir)).toSorted(), [
      'echo.mjs',
      'echo.mjs.map',
      'pipelines.json',
      'queue.mjs',
      'queue.mjs.map',
    ])
    const handler = await handlerOf(path.join(outDir, 'echo.mjs'))
    assert.deepEqual(handler(), ['orders.ts', 'visits.ts'])
    const written = JSON.parse(await readFile(path.join(outDir, 'pipelines.json'), 'utf8'))
    assert.deepEqual(
      written.map(({ name, retry }: Pipeline) => [name, retry.attempts]),
      [
        ['orders', 3],
        ['visits', 3],
      ],
    )
  })

  it('can load packages that call require, and needs nothing beside the file', async () => {
    const outDir = path.join(scratch, 'commonjs')
    await bundleFunctions({ functionsDir, pipelinesDir, outDir })
    const handler = await handlerOf(path.join(outDir, 'queue.mjs'))
    assert.equal(await handler(), 'function us-east-1')
    const code = await readFile(path.join(outDir, 'queue.mjs'), 'utf8')
    const outside = [...code.matchAll(/\bfrom\s*"([^"]+)"/g)].map(([, from]) => from ?? '')
    assert.deepEqual(
      outside.filter(from => !from.startsWith('node:') && !isBuiltin(from)),
      [],
    )
  })

  it('leaves nothing of an earlier build behind', async () => {
    const outDir = await folderWith('gone.mjs', 'export const handler = 0')
    await bundleFunctions({ functionsDir, pipelinesDir, outDir })
    assert.ok(!(await readdir(outDir)).includes('gone.mjs'))
  })

  it('cannot take in code of the local stack', async () => {
    const world = path.join(root, 'local/events/event-pattern.ts')
    const bad = await folderWith(
      'bad.ts',
      `import * as local from ${JSON.stringify(world)}\nexport const handler = () => local`,
    )
    await assert.rejects(
      bundleFunctions({ functionsDir: bad, pipelinesDir, outDir: path.join(scratch, 'out') }),
      /local\/ does not belong in a function/,
    )
  })

  it('cannot take in SQLite or DuckDB', async () => {
    for (const specifier of ['node:sqlite', '@duckdb/node-api']) {
      const bad = await folderWith(
        'bad.ts',
        `import * as it from '${specifier}'\nexport const handler = () => it`,
      )
      await assert.rejects(
        bundleFunctions({ functionsDir: bad, pipelinesDir, outDir: path.join(scratch, 'out') }),
        /belongs to the worker and the local stack/,
      )
    }
  })

  it('refuses a folder without functions', async () => {
    const empty = await mkdtemp(path.join(scratch, 'empty-'))
    await assert.rejects(
      bundleFunctions({ functionsDir: empty, pipelinesDir, outDir: path.join(scratch, 'out') }),
      error => isError(error, 'CONFIG_INVALID'),
    )
  })
})

describe('the pipelines that are compiled in', () => {
  it('can lie in any folder and import the package by its name', async () => {
    const names = (await readPipelines(pipelinesDir)).map(({ name }) => name)
    assert.deepEqual(names, ['orders', 'visits'])
  })

  it('cannot be invalid: every fault is said before anything is built', async () => {
    const dir = await folderWith(
      'bad.ts',
      `export default { name: 'Bad', source: { prefix: 'x/', format: 'csv' }, sql: 1 }`,
    )
    await assert.rejects(readPipelines(dir), error => {
      assert.ok(isError(error, 'PIPELINE_INVALID'))
      assert.deepEqual(error.faults.map(({ path: where }) => where).toSorted(), [
        'name',
        'output',
        'sql',
        'work',
      ])
      return true
    })
  })

  it('cannot share a name', async () => {
    const dir = await folderWith('again.ts', await readFile(path.join(pipelinesDir, 'orders.ts'), 'utf8'))
    await writeFile(path.join(dir, 'orders.ts'), await readFile(path.join(pipelinesDir, 'orders.ts'), 'utf8'))
    await assert.rejects(readPipelines(dir), /Two pipelines are named orders/)
  })

  it('cannot be none', async () => {
    const empty = await mkdtemp(path.join(scratch, 'empty-'))
    await assert.rejects(readPipelines(empty), error => isError(error, 'CONFIG_INVALID'))
  })
})

describe('the real functions', () => {
  let outDir = ''
  let bundles: Bundle[] = []
  before(async () => {
    outDir = path.join(scratch, 'real')
    bundles = await bundleFunctions({ functionsDir: path.join(root, 'functions'), pipelinesDir, outDir })
  })

  it('each become a bundle with a handler', async () => {
    assert.deepEqual(bundles.map(({ name }) => name).toSorted(), [...functionNames].toSorted())
    for (const { name } of bundles) {
      assert.equal(typeof (await handlerOf(path.join(outDir, `${name}.mjs`))), 'function', name)
    }
  })

  for (const name of functionNames) {
    const own = (): Bundle => bundles.find(bundle => bundle.name === name) ?? assert.fail(`no bundle ${name}`)

    it(`cannot grow unnoticed: ${name}`, () => {
      const kib = own().bytes / 1024
      assert.ok(kib <= bundleKiBMax[name], `${kib.toFixed(0)} KiB`)
    })

    it(`cannot carry a client that its role has no use for: ${name}`, () => {
      const { packages } = own()
      const clients = packages.filter(one => one.startsWith('@aws-sdk/client-'))
      const granted = roleActions[`${name[0]?.toUpperCase()}${name.slice(1)}Role`] ?? []
      const unused = clients.filter(
        one => !granted.some(action => action.startsWith(`${servicesOfClients[one]}:`)),
      )
      assert.ok(clients.includes('@aws-sdk/client-dynamodb') && granted.length > 0)
      assert.deepEqual(unused, [])
      assert.deepEqual(
        packages.filter(one => deadWeight.includes(one)),
        [],
      )
    })
  }
})
