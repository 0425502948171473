/** What makes bundles small cannot change what they do. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import { build, type Plugin } from 'esbuild'
import { lambdaCredentials, plainSchemas } from '../../infra/lean.ts'
import { environment } from '../../shared/config.ts'

const repository = path.resolve(import.meta.dirname, '../..')
const services = ['batch', 'dynamodb', 'eventbridge', 's3', 'scheduler', 'secrets-manager']

/** As a module, bundled with or without a plugin. */
async function loaded(contents: string, plugins: Plugin[]): Promise<Record<string, unknown>> {
  const stdin = { contents, resolveDir: repository }
  const { outputFiles } = await build({
    stdin,
    plugins,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    minifySyntax: true,
  })
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64')
  return import(`data:text/javascript;base64,${code}`)
}

/** Schemas name one another by functions, some in circles: each is written by its source. */
const written = (module: Record<string, unknown>): string =>
  JSON.stringify(module, (_, value) => (typeof value === 'function' ? String(value) : value), 1)

describe('the shapes of a service', () => {
  for (const service of services) {
    it(`stay what they are with their names written out: ${service}`, async () => {
      const file = path.join(
        repository,
        `node_modules/@aws-sdk/client-${service}/dist-es/schemas/schemas_0.js`,
      )
      const contents = `export * from ${JSON.stringify(file)}`
      const [plain, given] = [await loaded(contents, [plainSchemas]), await loaded(contents, [])]
      assert.ok(Object.keys(given).length > 20)
      assert.equal(written(plain), written(given))
    })
  }
})

describe('credentials in Lambda', () => {
  it('are those of the environment, and no others are looked for', async () => {
    const contents = `import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
      export const { credentials } = new EventBridgeClient({ region: 'us-east-1' }).config`
    const module = await loaded(contents, [lambdaCredentials])
    const ask = module.credentials as () => Promise<{ accessKeyId: string; sessionToken: string }>
    const env: Record<string, string | undefined> = environment()
    const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']
    for (const name of names) delete env[name]
    await assert.rejects(ask(), /Unable to find environment variable credentials/)
    for (const name of names) env[name] = `the ${name}`
    const { accessKeyId, sessionToken } = await ask()
    assert.deepEqual([accessKeyId, sessionToken], ['the AWS_ACCESS_KEY_ID', 'the AWS_SESSION_TOKEN'])
  })
})
