/** The records live in the table that is deployed, and in no other. */
import { rm } from 'node:fs/promises'
import { openDynalite } from '../../contract/dynamodb.ts'
import { recordsContract } from '../../contract/records.ts'
import { packageService } from '../packaged.ts'
import { createTable } from './requests.ts'

const packaged = await packageService()
await rm(packaged.dir, { recursive: true, force: true })

const open = () => openDynalite(createTable(packaged.template))

recordsContract('DynamoDB in the table of the packaged template', open, {
  skip: { 'weighs an item in bytes of UTF-8, not in characters': 'dynalite 4.0.0 counts characters' },
})
