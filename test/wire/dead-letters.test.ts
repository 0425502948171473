import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { createSqsDeadLetters } from '../../shared/aws/dead-letters.ts'
import type { Bus, OwnEvent } from '../../shared/ports.ts'
import { type DeadLettersUnderTest, deadLettersContract } from '../contract/dead-letters.ts'
import { credentials, region, secondOpinions } from './servers.ts'

const { moto } = secondOpinions
const receivesMax = 2

if (moto.missing === undefined) {
  deadLettersContract(`SQS on ${moto.name}`, openOnMoto)
  it('reads why EventBridge could not deliver, from where EventBridge writes it', readsAttributes)
} else it('cannot ask moto about dead letters', { skip: moto.missing })

async function readsAttributes(): Promise<void> {
  const under = await openOnMoto()
  try {
    await under.putUndelivered('{}', { ERROR_MESSAGE: 'Rate exceeded', RETRY_ATTEMPTS: '20' })
    const [letter] = await under.letters.list('FunctionsDlq', 10)
    assert.deepEqual(letter?.attributes, { ERROR_MESSAGE: 'Rate exceeded', RETRY_ATTEMPTS: '20' })
  } finally {
    await under.dispose()
  }
}

interface OnMoto extends DeadLettersUnderTest {
  putUndelivered(body: string, attributes: Record<string, string>): Promise<void>
}

async function openOnMoto(): Promise<OnMoto> {
  const server = await moto.start()
  const client = new SQSClient({ region, credentials, endpoint: server.url })
  const queue = async (QueueName: string, Attributes: Record<string, string> = {}): Promise<string> =>
    (await client.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? ''
  const DropsDlq = await queue('DropsDlq')
  const asked = new GetQueueAttributesCommand({ QueueUrl: DropsDlq, AttributeNames: ['QueueArn'] })
  const deadLetterTargetArn = (await client.send(asked)).Attributes?.QueueArn
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: receivesMax })
  const drops = await queue('DropsQueue', { RedrivePolicy })
  const urls = { DropsDlq, JobsDlq: await queue('JobsDlq'), FunctionsDlq: await queue('FunctionsDlq') }
  const send = async (QueueUrl: string, MessageBody: string): Promise<void> =>
    void (await client.send(new SendMessageCommand({ QueueUrl, MessageBody })))
  const receive = async (VisibilityTimeout: number): Promise<string[]> => {
    const command = new ReceiveMessageCommand({
      QueueUrl: drops,
      VisibilityTimeout,
      MaxNumberOfMessages: 10,
    })
    return ((await client.send(command)).Messages ?? []).map(({ Body = '' }) => Body)
  }
  const published: OwnEvent[] = []
  return {
    letters: createSqsDeadLetters({
      client,
      bus: { publish: async (event: OwnEvent) => void published.push(event) } as Bus,
      urls,
    }),
    giveUpDrop: async body => {
      await send(drops, body)
      for (let receives = 0; receives <= receivesMax; receives++) await receive(0)
    },
    putUndelivered: async (MessageBody, attributes) => {
      const entries = Object.entries(attributes).map(([name, StringValue]) => [
        name,
        { DataType: 'String', StringValue },
      ])
      const MessageAttributes = Object.fromEntries(entries)
      await client.send(
        new SendMessageCommand({ QueueUrl: urls.FunctionsDlq, MessageBody, MessageAttributes }),
      )
    },
    putFailure: body => send(urls.FunctionsDlq, body),
    dropsWaiting: () => receive(60),
    published,
    dispose: async () => {
      client.destroy()
      await server.stop()
    },
  }
}
