/** Kinds of log whose lines are documented by those who write them. Pure. */
import type { LinePreset } from '../layout.ts'
import { alb, s3Access } from './access-logs.ts'
import { cloudfront, vpcFlow } from './named-fields.ts'
import { all, anyMore, clfTime, group, type Preset, quotedGroup, request, time } from './preset.ts'

/**
 * httpd.apache.org/docs/2.4/mod/mod_log_config.html and nginx.org/en/docs/http/ngx_http_log_module.html, `combined`
 * in both. A quote within quotes is `\\"` in the one and `\\x22` in the other.
 */
const combined = (host: string, bytes: string): Preset => ({
  pattern: `${group(host)} ${group('ident')} ${group('remote_user')} ${clfTime} ${request('path')} ${group('status')} ${group(bytes)} ${quotedGroup('referer')} ${quotedGroup('user_agent')}${anyMore}`,
  columns: [
    ...all('VARCHAR', `${host} ident remote_user`),
    time,
    ...all('VARCHAR', 'request method path protocol'),
    { name: 'status', type: 'SMALLINT' },
    { name: bytes, type: 'BIGINT' },
    ...all('VARCHAR', 'referer user_agent'),
  ],
})

export const presets: Record<LinePreset, Preset> = {
  'apache-combined': combined('remote_host', 'bytes'),
  'nginx-combined': combined('remote_addr', 'body_bytes_sent'),
  alb,
  cloudfront,
  's3-access': s3Access,
  'vpc-flow': vpcFlow,
}
