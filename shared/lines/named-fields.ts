/** Logs of Amazon's that name their fields in a line of their own. Pure. */
import { all, anyMore, group, type Preset } from './preset.ts'

/** Their own names, but for `time`: a date and a time of day. */
const cloudfrontFields =
  'date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end'
const cloudfrontTypes: Record<string, string> = {
  'sc-bytes': 'BIGINT',
  'sc-status': 'SMALLINT',
  'cs-bytes': 'BIGINT',
  'time-taken': 'DOUBLE',
  'fle-encrypted-fields': 'BIGINT',
  'c-port': 'INTEGER',
  'time-to-first-byte': 'DOUBLE',
  'sc-content-len': 'BIGINT',
  'sc-range-start': 'BIGINT',
  'sc-range-end': 'BIGINT',
}
const cloudfrontOlderFields = 12
const snakeCase = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z]+/g, '_')
    .replace(/_$/, '')

/** docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html */
export const cloudfront: Preset = cloudfrontPreset(cloudfrontFields.split(' '))

function cloudfrontPreset(fields: string[]): Preset {
  const groups = fields.map(name => `(?P<${snakeCase(name)}>[^\\t]+)`)
  const later = groups
    .slice(cloudfrontOlderFields)
    .reduceRight((behind, part) => `(?:\\t${part}${behind})?`, '(?:\\t.*)?')
  return {
    pattern: `${groups.slice(0, cloudfrontOlderFields).join('\\t')}${later}`,
    columns: [
      { name: 'time', type: 'TIMESTAMPTZ', notation: 'date-and-time', groups: ['date', 'time'] },
      ...fields.slice(2).map(name => ({ name: snakeCase(name), type: cloudfrontTypes[name] ?? 'VARCHAR' })),
    ],
    comment: '#',
    header: { start: '#Fields:', whole: `#Fields: ${cloudfrontFields}` },
  }
}

const vpcFields =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'

/** docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html, the default format */
export const vpcFlow: Preset = {
  pattern: `${vpcFields
    .split(' ')
    .map(name => group(name.replace('-', '_')))
    .join(' ')}${anyMore}`,
  columns: [
    { name: 'version', type: 'SMALLINT' },
    ...all('VARCHAR', 'account_id interface_id srcaddr dstaddr'),
    ...all('INTEGER', 'srcport dstport'),
    { name: 'protocol', type: 'SMALLINT' },
    ...all('BIGINT', 'packets bytes'),
    { name: 'start_time', type: 'TIMESTAMPTZ', notation: 'epoch-seconds', groups: ['start'] },
    { name: 'end_time', type: 'TIMESTAMPTZ', notation: 'epoch-seconds', groups: ['end'] },
    ...all('VARCHAR', 'action log_status'),
  ],
  header: { start: 'version ', whole: vpcFields },
}
