/** What `deploy` asks of a Region, answered by an EC2, an IAM and a CloudFormation that somebody else wrote. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation'
import { type OfferClients, offerClients } from '../../cli/deploy/offer/clients.ts'
import { instanceOffer, offeredInstances, offers } from '../../cli/deploy/offer/instances.ts'
import { linkedRoles, makeRoles, missingRoles } from '../../cli/deploy/offer/linked-roles.ts'
import { lookAtOffer, type Place } from '../../cli/deploy/offer/look.ts'
import { paramsOf } from '../../cli/deploy/offer/params.ts'
import { zonesDeployed, zonesOffered } from '../../cli/deploy/offer/zones.ts'
import { networkResources } from '../../infra/network/resources.ts'
import { networkSettings } from '../../infra/network/settings.ts'
import { credentials, region, type Server, secondOpinions } from './servers.ts'

const { moto } = secondOpinions
const root = path.resolve(import.meta.dirname, '../..')
const params = paramsOf({ stage: 'wire', params: [] }, root)

if (moto.missing === undefined) describe('the offer of a Region', onMoto)
else it('cannot ask moto for the offer of a Region', { skip: moto.missing })

function onMoto(): void {
  let server: Server
  let clients: OfferClients
  let cloudformation: CloudFormationClient
  const settings = (place: string) => ({ region: place, credentials, endpoint: server.url, maxAttempts: 1 })

  before(async () => {
    server = await moto.start()
    clients = await offerClients(settings(region))
    cloudformation = new CloudFormationClient(settings(region))
  })
  after(() => server.stop())

  const place: Place = { stage: 'wire', region, params, pipelines: [], isDeployed: false }

  it('has the zones of us-east-1, and instances in all of them, page by page', async () => {
    assert.deepEqual(
      await zonesOffered(clients.ec2),
      [...'abcdef'].map(letter => `us-east-1${letter}`),
    )
    const offer = await instanceOffer(clients.ec2)
    assert.deepEqual([...offer.keys()].toSorted(), await zonesOffered(clients.ec2))
    assert.ok(offers(offer.get('us-east-1a') ?? new Set(), 'm6i'))
  })

  it('leaves out the zone that has none of the families, and no family where all are to be had', async () => {
    const found = await lookAtOffer(place, cloudformation, clients)
    assert.deepEqual(found.params, [`zones=${[...'abcdf'].map(letter => `us-east-1${letter}`).join(',')}`])
    assert.ok(found.notes.includes('us-east-1e is left out: it offers none of the instance types'))
  })

  it('leaves a small Region with those of the default families that it has', async () => {
    for (const small of ['me-south-1', 'ap-southeast-4', 'ca-west-1', 'eu-south-2', 'il-central-1']) {
      const { ec2 } = await offerClients(settings(small))
      const found = offeredInstances(await instanceOffer(ec2), { region: small, params, pipelines: [] })
      const [left = ''] = found.params
      assert.deepEqual(found.faults, [])
      assert.match(left, /^instanceTypes=/)
      assert.ok(left.split(',').length >= 6, `${small}: ${left}`)
    }
  })

  it('finds again the zones that a stack has its subnets in', async () => {
    const network = networkSettings(name => (name === 'zones' ? 'us-east-1b,us-east-1d' : ''))
    const TemplateBody = JSON.stringify({ Resources: networkResources(network) })
    await cloudformation.send(new CreateStackCommand({ StackName: 'millrace-wire', TemplateBody }))
    const zones = await zonesDeployed(cloudformation, clients.ec2, 'millrace-wire')
    assert.deepEqual(Object.fromEntries(zones), { b: 'us-east-1b', d: 'us-east-1d' })
    const found = await lookAtOffer({ ...place, isDeployed: true }, cloudformation, clients)
    assert.match(found.params.join(), /us-east-1b,us-east-1c,us-east-1d/)
  })

  // moto 5.2.5 gives them names of its own.
  it('has no service-linked role at first, and takes each where it belongs', async () => {
    const missing = await missingRoles(clients.iam)
    assert.deepEqual(
      missing.map(({ role, isKnown }) => [role, isKnown]),
      linkedRoles.map(({ role }) => [role, true]),
    )
    assert.deepEqual(await makeRoles(clients.iam, missing), [])
    const { Roles = [] } = await clients.iam.listRoles({ PathPrefix: '/aws-service-role/' })
    assert.deepEqual(
      Roles.map(({ Path }) => Path).toSorted(),
      linkedRoles.map(({ service }) => `/aws-service-role/${service}/`).toSorted(),
    )
  })
}
