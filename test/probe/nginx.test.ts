import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { createAuthority } from '../../src/pki/ca.ts'
import { revoke } from '../../src/pki/crl-issuance.ts'
import { USUAL_PORTS } from '../../src/probe/context.ts'
import type { AttackFinding } from '../../src/probe/finding.ts'
import { Player } from '../support/scenario/player.ts'
import { withTool } from '../support/scenario/tools.ts'
import { assault, through } from './targets/assault.ts'
import { Nginx } from './targets/nginx.ts'

const USERS = 'mod-users-19.7.0'
const TAGS = 'mod-tags-3.1.0'
const DESCRIPTORS = new URL('../fixtures/descriptors', import.meta.url).pathname

let directory: string
let certs: string
let module: Player
let nginx: Nginx | undefined
let ports: readonly number[]

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'probe-nginx-'))
  certs = join(directory, 'certs')
  const authority = await createAuthority(certs, { trustDomain: 'folio.test' })
  for (const id of [USERS, TAGS]) await authority.issue(id, { ips: ['127.0.0.1'] })
  await authority.issue('mod-notes-8.1.0')
  await revoke(authority, 'mod-notes-8.1.0')
  module = await Player.start()
  ports = await freePorts(ALL.length)
})
test.after.always(async () => {
  await nginx?.close()
  await module?.close()
  await rm(directory, { recursive: true, force: true })
})

/** nginx as its manual would have it: its defaults, and these lines. */
const KINDS = {
  optional: 'ssl_verify_client optional;',
  verifies: 'ssl_verify_client on;',
  listed: 'ssl_verify_client on; ssl_crl CERTS/ca.crl;',
  old: `ssl_verify_client optional_no_ca; ssl_protocols TLSv1 TLSv1.1 TLSv1.2;
  ssl_ciphers ALL:@SECLEVEL=0; large_client_header_buffers 4 256k;`,
} as const
const ALL = Object.keys(KINDS) as (keyof typeof KINDS)[]

function server(kind: keyof typeof KINDS): string {
  return `server { listen 127.0.0.1:${portOf(kind)} ssl;
  ssl_certificate CERTS/${USERS}/tls.crt; ssl_certificate_key CERTS/${USERS}/tls.key;
  ssl_client_certificate CERTS/ca.crt; ${KINDS[kind]}
  location / { proxy_pass http://127.0.0.1:${module.port}; } }`.replaceAll('CERTS', certs)
}

function portOf(kind: keyof typeof KINDS): number {
  return ports[ALL.indexOf(kind)]!
}

async function listening(kind: keyof typeof KINDS) {
  nginx ??= await Nginx.start(ALL.map(server).join('\n'))
  const endpoint = { host: '127.0.0.1', port: portOf(kind), tls: true }
  const trust = join(certs, 'ca.crt')
  return { endpoint, trust, expect: 'mod-users', descriptors: DESCRIPTORS, skip: ['around'] }
}

const withNginx = withTool('nginx')

/** What a listener without authentication and authorization lets through. */
const NO_POLICY = [
  ...['admin-import-sql', 'admin-rmb', 'tenant-job', 'tenant-permissions', 'tenant-purge'],
  ...['timer-route', 'undeclared-route', 'method-head', 'method-options', 'method-unknown'],
  ...['claimed-identity', 'duplicate-tenant', 'duplicate-token', 'connection-listed-tenant'],
  ...['path-dot-dot', 'path-double-slash', 'path-encoded-hash', 'path-semicolon', 'path-hash'],
]
/** What every strict reader of HTTP refuses; nginx is one. */
const STRICT = [
  ...['smuggle-cl-te', 'smuggle-te-cl', 'smuggle-cl-cl', 'smuggle-te-te', 'bad-name'],
  ...['duplicate-host', 'no-host', 'obs-fold', 'space-before-colon', 'nul-in-value'],
]

withNginx(
  'nginx with `ssl_verify_client optional` serves a caller without a certificate',
  async (t) => {
    const findings = await assault(await listening('optional'))
    const found = through(findings)
    const open = ['no-certificate', 'sni-other-name', 'alpn-other-protocol', 'stalled-head']
    t.deepEqual(missing([...open, ...NO_POLICY], found), [])
    t.deepEqual(
      missing(['foreign-ca', 'self-signed', 'plaintext', ...STRICT], blocked(findings)),
      [],
    )
    t.true(module.requests.some(({ first }) => first.startsWith('POST /_/tenant ')))
  },
)

withNginx('nginx that verifies keeps strangers out, and every module in', async (t) => {
  const target = await listening('verifies')
  const outside = await assault(target)
  t.deepEqual(missing(['no-certificate', 'sni-other-name', ...NO_POLICY], blocked(outside)), [])
  const inside = await assault({ ...target, credentials: [join(certs, TAGS)] })
  t.deepEqual(missing(['wrong-module', ...NO_POLICY], through(inside)), [])
  t.deepEqual(missing(['no-certificate', 'foreign-ca', ...STRICT], blocked(inside)), [])
})

/** Names that a chain alone does not tell apart. */
const NAMES = [
  ...['cn-only', 'dns-for-uri', 'two-uris', 'other-trust-domain', 'nul-in-id', 'id-look-alike'],
  ...['id-percent', 'id-product-prefix', 'id-trailing-slash', 'id-upper-case', 'id-wildcard'],
  ...['ca-as-leaf', 'eku-missing', 'key-usage-wrong'],
]

withNginx('nginx that verifies asks for a chain and not for a name', async (t) => {
  const findings = await assault({ ...(await listening('verifies')), ca: certs })
  t.deepEqual(missing(['revoked', ...NAMES], through(findings)), [])
  const bad = ['expired', 'not-yet-valid', 'eku-wrong', 'weak-key', 'target-identity']
  t.deepEqual(missing(bad, blocked(findings)), [])
})

withNginx('nginx that has the list keeps the revoked one out', async (t) => {
  const only = ['revoked', 'cn-only']
  const findings = await assault({ ...(await listening('listed')), ca: certs, only })
  t.deepEqual(through(findings), ['cn-only'])
  t.is(findings.get('revoked')?.outcome, 'blocked')
})

withNginx('nginx of long ago believes every CA and speaks every TLS', async (t) => {
  const target = { ...(await listening('old')), expect: 'mod-notes', ca: certs }
  const old = ['foreign-ca', 'self-signed', 'tls-1-0', 'tls-1-1', 'weak-ciphers', 'huge-header']
  const only = [...old, 'target-identity', 'no-host']
  const findings = await assault({ ...target, only })
  t.deepEqual(missing([...old, 'target-identity'], through(findings)), [])
  t.regex(findings.get('target-identity')?.because ?? '', /mod-users-19.7.0, not mod-notes/)
  t.is(findings.get('no-host')?.outcome, 'blocked')
})

test('a module without a sidecar serves every caller', async (t) => {
  const endpoint = { host: '127.0.0.1', port: module.port, tls: false }
  const ports = { ...USUAL_PORTS, module: [module.port] }
  const target = { endpoint, expect: 'mod-users', descriptors: DESCRIPTORS, ports, ca: certs }
  const findings = await assault({ ...target, skip: ['framing'] })
  const open = ['no-certificate', 'plaintext', 'foreign-ca', 'target-identity', 'module-port']
  t.deepEqual(missing([...open, ...NO_POLICY, ...NAMES], through(findings)), [])
})

function blocked(findings: ReadonlyMap<string, AttackFinding>): readonly string[] {
  return [...findings].flatMap(([id, { outcome }]) => (outcome === 'blocked' ? [id] : []))
}

/** Those that ought to be there and are not. */
function missing(wanted: readonly string[], there: readonly string[]): readonly string[] {
  return wanted.filter((id) => !there.includes(id))
}
