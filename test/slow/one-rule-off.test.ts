import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadConfig } from '../../src/config/load.ts'
import { freePorts } from '../../src/demo/child.ts'
import { createLog } from '../../src/observe/log.ts'
import { openAuthority } from '../../src/pki/ca.ts'
import { revoke } from '../../src/pki/crl-issuance.ts'
import { ATTACKS } from '../../src/probe/attacks.ts'
import { ACTION, DIRECTLY } from '../../src/proxy/header-tables.ts'
import { NAME } from '../../src/proxy/names.ts'
import { Sidecar } from '../../src/sidecar.ts'
import { assault, through } from '../probe/targets/assault.ts'
import {
  both,
  chainIsEnough,
  doorSays,
  everyPathExcepted,
  everythingAllowed,
  headersPass,
  interimsRefuse,
  judgeIs,
  noLists,
  type TurnOff,
  tokensPass,
} from '../probe/targets/one-rule-off.ts'
import { NO_GUARD } from '../support/listeners.ts'
import { ID, Place, Player } from '../support/scenario.ts'

let place: Place
let behind: Player
test.before(async () => {
  place = await Place.make()
  behind = await Player.start()
  for (const id of [ID.okapi, ID.users, ID.tags]) await place.certificate(id)
  await place.certificate(ID.notes)
  await revoke(await openAuthority(join(place.directory, 'certs')), ID.notes, { distribute: true })
})
test.after.always(async () => {
  await behind?.close()
  await place?.close()
})

/** A sidecar in this very process, as it would be built with one rule less. */
async function built(
  t: ExecutionContext,
  id: string,
  off: TurnOff,
  grants: readonly object[],
  more: object = {},
): Promise<Sidecar> {
  const on = off()
  const configuration = await place.configuration(id, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${behind.port}` },
    policy: { grants, tokens: 'enforce', tokenGraceMs: 0 },
    ...more,
    // Longer than a handshake on a busy machine; the attacks that stall see the end of it.
    limits: { headMs: 6000, handshakeMs: 6000 },
  })
  const { config } = loadConfig(await place.file(`${id}.json`, configuration), {})
  const destination = { write: () => undefined, flush: async () => undefined }
  const sidecar = await Sidecar.start(config, createLog({ level: 'silent', destination }))
  t.teardown(async () => {
    on()
    await sidecar.drain()
  })
  return sidecar
}

function portOf(address: string | undefined): number {
  return Number(address?.split(':').at(-1))
}

async function found(
  t: ExecutionContext,
  id: string,
  off: TurnOff,
  only: readonly string[] = [],
  grants: readonly object[] = [],
) {
  const port = portOf((await built(t, id, off, grants)).listening.ingress)
  const certs = join(place.directory, 'certs')
  return assault({
    endpoint: { host: '127.0.0.1', port, tls: true },
    atOkapi: id === ID.okapi,
    expect: id,
    trust: join(certs, 'ca.crt'),
    ca: certs,
    descriptors: place.descriptors,
    credentials: [join(certs, ID.tags)],
    tenant: 'diku',
    // What stalls is not what these rules are about: once at each kind of listener is enough.
    only,
    // A module may call here without a token, or the token would be what is refused.
    skip: ['around', 'tenant-without-token', ...(off === NOTHING ? [] : STALLING)],
    stallMs: 40_000,
  })
}

const NOTHING: TurnOff = () => () => undefined
const STALLING = ATTACKS.filter(({ slow }) => slow === true).map(({ id }) => id)

const ROWS: readonly (readonly [off: string, at: string, TurnOff, found: readonly string[]])[] = [
  ['nothing', ID.okapi, NOTHING, []],
  ['nothing', ID.users, NOTHING, []],
  [
    'the rule for detours',
    ID.okapi,
    headersPass(NAME.detour),
    [
      ...['forged-authtoken-refresh-cache', 'forged-forwarded', 'forged-forwarded-client-cert'],
      ...['forged-original-url', 'forged-rewrite-url', 'method-override'],
    ],
  ],
  ['the rule for X-Sidecar-Caller', ID.okapi, headersPass(NAME.caller), ['forged-sidecar-caller']],
  [
    'the rule for X-Sidecar-Exchange',
    ID.okapi,
    headersPass(NAME.exchange),
    ['forged-sidecar-exchange'],
  ],
  [
    'the judging of tenants',
    ID.okapi,
    doorSays('okapi', { judgesTenant: false }),
    ['supertenant-implied', 'supertenant-named', 'tenant-odd-letters', 'tenant-twice'],
  ],
  [
    'the tenant guard and the rule for tokens',
    ID.okapi,
    both(
      judgeIs(() => ({ tenants: NO_GUARD })),
      tokensPass,
    ),
    ['tenant-against-token', 'token-never-seen'],
  ],
  [
    'the rules for user ids and for tokens',
    ID.okapi,
    both(doorSays('okapi', { userId: ACTION.pass }), tokensPass),
    ['forged-user-id', 'token-never-seen', 'user-id-against-token'],
  ],
  ['the rule for tokens', ID.okapi, tokensPass, ['token-never-seen']],
  [
    'the rule for cookies',
    ID.okapi,
    doorSays('okapi', { tokenCookies: ACTION.pass }),
    ['session-cookie'],
  ],
  [
    // Of what may be excepted only that: never dots, whatever ends their segment, nor NUL.
    'the exceptions of paths',
    ID.okapi,
    judgeIs(everyPathExcepted),
    ['path-encoded-percent', 'path-encoded-question-mark', 'path-encoded-semicolon'],
  ],
  ['the revocation list', ID.users, noLists, ['revoked']],
]

for (const [off, at, turnOff, ids] of ROWS) {
  const what = ids.length === 0 ? 'nothing is found' : `found: ${ids.join(', ')}`
  test.serial(`without ${off} at ${at} ${what}`, async (t) => {
    t.deepEqual(through(await found(t, at, turnOff)), ids)
  })
}

const DIRECT = ATTACKS.map(({ id }) => id).filter((id) => id.startsWith('direct-'))
const GRANT = { caller: 'mod-tags', at: 'mod-users', interface: 'users', why: 'a test' }

for (const [off, turnOff, ids] of [
  ['nothing', NOTHING, []],
  [
    'the rule for detours',
    headersPass(NAME.detour, DIRECTLY),
    ['direct-method-override', 'direct-refresh-cache'],
  ],
  [
    'the rule for X-Okapi-*',
    headersPass(NAME.okapi, DIRECTLY),
    ['direct-filter', 'direct-permissions'],
  ],
  ['the rule for X-Sidecar-Caller', headersPass(NAME.caller, DIRECTLY), ['direct-sidecar-caller']],
  [
    'the rule for X-Sidecar-Exchange',
    headersPass(NAME.exchange, DIRECTLY),
    ['direct-sidecar-exchange'],
  ],
  ['the judging of tenants', doorSays('direct', { judgesTenant: false }), ['direct-supertenant']],
  ['the rule for user ids', doorSays('direct', { userId: ACTION.pass }), ['direct-user-id']],
] as const) {
  const what = ids.length === 0 ? 'nothing is found' : `found: ${ids.join(', ')}`
  test.serial(`past Okapi with a grant, without ${off} ${what}`, async (t) => {
    const findings = await found(t, ID.users, turnOff, DIRECT, [GRANT])
    t.deepEqual(through(findings), ids)
    t.is(findings.size, DIRECT.length)
    for (const [id, { outcome }] of findings) t.not(outcome, 'inconclusive', id)
  })
}

const OKAPI = {
  kind: 'module',
  trustDomain: 'folio.test',
  id: ID.okapi,
  product: 'okapi',
  version: '7.2.0',
  uri: 'spiffe://folio.test/module/okapi-7.2.0',
} as const

/** Rules behind which much else stands: at least these are found. */
const GREAT: typeof ROWS = [
  [
    'the rule for X-Okapi-*',
    ID.okapi,
    headersPass(NAME.okapi),
    [
      ...['forged-auth-result', 'forged-extra-permissions', 'forged-filter', 'forged-stop'],
      ...['forged-module-permissions', 'forged-module-tokens', 'forged-permissions'],
      ...['forged-request-ip', 'forged-unheard-of'],
    ],
  ],
  [
    'the allow-list',
    ID.okapi,
    judgeIs(everythingAllowed),
    [
      ...['interface-not-required', 'invoke-closed', 'method-head', 'method-options'],
      ...['okapi-deployment', 'okapi-discovery', 'okapi-env', 'okapi-health', 'okapi-import'],
      ...['okapi-install', 'okapi-proxy-modules', 'okapi-proxy-tenants', 'okapi-timers'],
      ...['id-product-prefix', 'id-upper-case', 'pipelined-rogue'],
    ],
  ],
  [
    'the allow-list',
    ID.users,
    judgeIs(everythingAllowed),
    [
      ...['admin-import-sql', 'admin-rmb', 'tenant-job', 'tenant-permissions', 'tenant-purge'],
      ...['timer-route', 'undeclared-route', 'wrong-module', 'method-head', 'method-options'],
    ],
  ],
  [
    'the profile and the name of the certificate',
    ID.users,
    chainIsEnough(OKAPI),
    [
      ...['ca-as-leaf', 'cn-only', 'dns-for-uri', 'eku-missing', 'id-look-alike', 'id-percent'],
      ...['id-product-prefix', 'id-trailing-slash', 'id-upper-case', 'id-wildcard', 'two-uris'],
      ...['key-usage-wrong', 'nul-in-id', 'other-trust-domain', 'wrong-module'],
    ],
  ],
]

for (const [off, at, turnOff, ids] of GREAT) {
  test.serial(`without ${off} at ${at} ${ids.length} are found by name, and others`, async (t) => {
    const findings = await found(t, at, turnOff)
    const names = through(findings)
    t.deepEqual(
      ids.filter((id) => !names.includes(id)),
      [],
    )
    // What other rules are for is refused as ever.
    for (const id of ['no-certificate', 'foreign-ca', 'expired', 'smuggle-cl-te', 'path-dot-dot']) {
      t.is(findings.get(id)?.outcome, 'blocked', id)
    }
  })
}

test.serial('a certificate that the CA has revoked is refused for just that', async (t) => {
  const findings = await found(t, ID.users, NOTHING, ['revoked'])
  t.like(findings.get('revoked'), { outcome: 'blocked', reason: 'revoked-certificate' })
})

for (const [off, turnOff, outcome] of [
  ['nothing', NOTHING, 'blocked'],
  ['the rule for 1xx on links', interimsRefuse, 'got-through'],
] as const) {
  test.serial(`in the place of a module, without ${off}: ${outcome}`, async (t) => {
    const [port] = await freePorts(1)
    const address = { [ID.users]: `https://127.0.0.1:${port}` }
    const egress = { modules: { listen: '127.0.0.1:0', address } }
    const { listening } = await built(t, ID.okapi, turnOff, [], { egress })
    const endpoint = { host: '127.0.0.1', port: portOf(listening.modules) }
    const findings = await assault({
      endpoint: { ...endpoint, port: portOf(listening.ingress), tls: true },
      atOkapi: true,
      credentials: [join(place.directory, 'certs', ID.users)],
      tenant: 'diku',
      impostor: {
        listen: { host: '127.0.0.1', port: port! },
        endpoint: { ...endpoint, tls: false },
        path: `/${ID.users}/users`,
      },
      only: ['link-interim-answer', 'response-stolen-key'],
    })
    t.is(findings.get('link-interim-answer')?.outcome, outcome)
    t.is(findings.get('response-stolen-key')?.outcome, 'blocked')
  })
}
