import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { slackSecret } from '../../shared/aws/secrets.ts'
import { environment } from '../../shared/config.ts'
import { isError } from '../../shared/errors.ts'

/** Secrets by name, as Secrets Manager has them; whatever is not here is not there. */
const secrets: Record<string, string> = {
  token: '{"botToken":"xoxb-very-secret"}',
  webhook: '{"webhookUrl":"https://hooks.example/very-secret"}',
  empty: '{}',
  text: 'xoxb-very-secret',
  list: '["xoxb-very-secret"]',
}

describe('The Slack secret', () => {
  let server: Server
  let calls = 0
  before(async () => {
    server = createServer(async (request, response) => {
      calls += 1
      const { SecretId } = JSON.parse((await request.toArray()).join('')) as { SecretId: string }
      const SecretString = secrets[SecretId]
      const known = SecretString !== undefined
      response.writeHead(known ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' })
      response.end(
        JSON.stringify(known ? { SecretString } : { __type: 'ResourceNotFoundException', message: SecretId }),
      )
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    // Powertools builds its own client, which reads these.
    Object.assign(environment(), {
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'nobody',
      AWS_SECRET_ACCESS_KEY: 'nothing',
    })
  })
  after(async () => {
    server.closeAllConnections()
    await new Promise<void>(resolve => server.close(() => resolve()))
  })

  it('is a bot token or a webhook', async () => {
    assert.deepEqual(await slackSecret({ slackSecret: 'token' }), { botToken: 'xoxb-very-secret' })
    assert.deepEqual(await slackSecret({ slackSecret: 'webhook' }), {
      webhookUrl: 'https://hooks.example/very-secret',
    })
  })

  it('is fetched once and then kept for a while', async () => {
    await slackSecret({ slackSecret: 'token' })
    const asked = calls
    await slackSecret({ slackSecret: 'token' })
    assert.equal(calls, asked)
  })

  it('is nothing where none is configured, and nobody is asked', async () => {
    const asked = calls
    assert.deepEqual(await slackSecret({ slackSecret: '' }), {})
    assert.equal(calls, asked)
  })

  it('that is neither is refused without a word of it', async () => {
    for (const name of ['empty', 'text', 'list']) {
      await assert.rejects(slackSecret({ slackSecret: name }), error => {
        assert.ok(isError(error, 'CONFIG_INVALID'))
        assert.ok(error.message.includes(name) && error.remedy !== undefined)
        assert.ok(!inspect(error, { depth: 20 }).includes('very-secret'))
        return true
      })
    }
  })

  it('that is not there is a refused request that names it', async () => {
    await assert.rejects(
      slackSecret({ slackSecret: 'nowhere' }),
      error => isError(error, 'REQUEST_REFUSED') && error.message.includes('nowhere'),
    )
  })
})
