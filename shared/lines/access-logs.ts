/** Logs of Amazon's load balancers and of S3: words between spaces, some in quotes. Pure. */
import { all, clfTime, group, optionalTail, type Preset, quotedGroup, request, time } from './preset.ts'

/** docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html */
export const alb: Preset = {
  pattern: [
    group('type'),
    group('time'),
    group('elb'),
    '(?:(?P<client_ip>[^ ]+):(?P<client_port>\\d+)|-)',
    '(?:(?P<target_ip>[^ ]+):(?P<target_port>\\d+)|-)',
    ...['request_processing_time', 'target_processing_time', 'response_processing_time'].map(one =>
      group(one),
    ),
    ...['elb_status_code', 'target_status_code', 'received_bytes', 'sent_bytes'].map(one => group(one)),
    request('url'),
    quotedGroup('user_agent'),
    group('ssl_cipher'),
    group('ssl_protocol'),
    `${group('target_group_arn')}${optionalTail([
      ...['trace_id', 'domain_name', 'chosen_cert_arn'].map(quotedGroup),
      group('matched_rule_priority'),
      group('request_creation_time'),
      ...['actions_executed', 'redirect_url', 'error_reason', 'target_port_list'].map(quotedGroup),
      ...['target_status_code_list', 'classification', 'classification_reason'].map(quotedGroup),
      group('conn_trace_id'),
    ])}`,
  ].join(' '),
  columns: [
    { name: 'type', type: 'VARCHAR' },
    { name: 'time', type: 'TIMESTAMPTZ' },
    ...all('VARCHAR', 'elb client_ip'),
    { name: 'client_port', type: 'INTEGER' },
    { name: 'target_ip', type: 'VARCHAR' },
    { name: 'target_port', type: 'INTEGER' },
    ...all('DOUBLE', 'request_processing_time target_processing_time response_processing_time'),
    ...all('SMALLINT', 'elb_status_code target_status_code'),
    ...all('BIGINT', 'received_bytes sent_bytes'),
    ...all('VARCHAR', 'request method url protocol user_agent ssl_cipher ssl_protocol target_group_arn'),
    ...all('VARCHAR', 'trace_id domain_name chosen_cert_arn'),
    { name: 'matched_rule_priority', type: 'INTEGER' },
    { name: 'request_creation_time', type: 'TIMESTAMPTZ' },
    ...all('VARCHAR', 'actions_executed redirect_url error_reason target_port_list target_status_code_list'),
    ...all('VARCHAR', 'classification classification_reason conn_trace_id'),
  ],
}

/** docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html */
export const s3Access: Preset = {
  pattern: [
    group('bucket_owner'),
    group('bucket'),
    clfTime,
    ...['remote_ip', 'requester', 'request_id', 'operation', 'key'].map(one => group(one)),
    `(?:${request('request_uri')}|-)`,
    ...['http_status', 'error_code', 'bytes_sent', 'object_size', 'total_time'].map(one => group(one)),
    group('turn_around_time'),
    `(?:${quotedGroup('referer')}|-)`,
    `(?:${quotedGroup('user_agent')}|-)${optionalTail(
      ['version_id', 'host_id', 'signature_version', 'cipher_suite', 'authentication_type']
        .concat(['host_header', 'tls_version', 'access_point_arn', 'acl_required'])
        .map(one => group(one)),
    )}`,
  ].join(' '),
  columns: [
    ...all('VARCHAR', 'bucket_owner bucket'),
    time,
    ...all('VARCHAR', 'remote_ip requester request_id operation key request method request_uri protocol'),
    { name: 'http_status', type: 'SMALLINT' },
    { name: 'error_code', type: 'VARCHAR' },
    ...all('BIGINT', 'bytes_sent object_size total_time turn_around_time'),
    ...all('VARCHAR', 'referer user_agent version_id host_id signature_version cipher_suite'),
    ...all('VARCHAR', 'authentication_type host_header tls_version access_point_arn acl_required'),
  ],
}
