import { it } from 'node:test'
import { openDynamoRecords } from '../contract/dynamodb.ts'
import { type RecordsUnderTest, recordsContract } from '../contract/records.ts'
import type { SuiteOptions } from '../contract/suite.ts'
import { credentials, region, type SecondOpinion, secondOpinions } from './servers.ts'

const nameless = 'gives back every kind of value as it was put'

ask(secondOpinions.dynamodbLocal, {
  [nameless]: 'DynamoDB Local 3.0.0 refuses an empty name within a map',
})
ask(secondOpinions.moto, {
  [nameless]: 'moto 5.2.5 takes an empty name within a map and cannot give it back',
  'takes an item of almost 400 KiB': 'moto 5.2.5 weighs the JSON around an item too',
  'tells at most from more, and only of a number':
    'moto 5.2.5 breaks (500) where a text is compared with a number',
  'creates the item where there is none, also when it changes nothing':
    'moto 5.2.5 breaks (500) at an update without an expression',
  'cannot add to a text or append to a number, and then leaves all of the item alone':
    'moto 5.2.5 leaves half of a refused update behind',
})

function ask(opinion: SecondOpinion, skip: NonNullable<SuiteOptions['skip']>): void {
  if (opinion.missing === undefined) {
    recordsContract(`DynamoDB on ${opinion.name}`, () => openOn(opinion), { skip })
  } else {
    it(`cannot ask ${opinion.name} about records`, { skip: opinion.missing })
  }
}

async function openOn(opinion: SecondOpinion): Promise<RecordsUnderTest> {
  const server = await opinion.start()
  const { records, dispose } = await openDynamoRecords({ region, credentials, endpoint: server.url })
  return {
    records,
    dispose: async () => {
      await dispose()
      await server.stop()
    },
  }
}
