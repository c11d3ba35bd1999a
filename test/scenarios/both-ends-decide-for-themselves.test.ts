import test from 'ava'
import { ask, field, get, ID, Installation, request, verdictOf } from '../support/scenario.ts'

const OLD = 'mod-old-1.0.0'
const ILL = 'mod-ill-1.0.0'

let installation: Installation

const tagsGrant = (at: string) => ({
  caller: ID.notes,
  at: 'okapi',
  interface: 'tags',
  why: `granted at ${at}`,
})

test.before(async () => {
  installation = await Installation.open({
    modules: [ID.notes, ID.users, OLD, ILL],
    descriptors: [
      { id: OLD, requires: [{ id: 'users', version: '17.0' }] },
      { id: ILL, requires: [{ id: 'users', version: '16.0' }] },
    ].map((descriptor) => ({ ...descriptor, provides: [] })),
    more: {
      // The sidecar of mod-notes would let it call tags and groups; Okapi's knows of tags only.
      [ID.notes]: {
        policy: {
          grants: [tagsGrant('its own'), { ...tagsGrant('its own'), interface: 'custom-fields' }],
          pathExceptions: [{ at: 'okapi', path: '/users/{id}', allow: ['%2f'], why: 'a test' }],
        },
      },
      [ID.okapi]: {
        policy: {
          grants: [tagsGrant('Okapi')],
          quarantine: [{ module: 'mod-ill <1.1', why: 'it was seen stealing' }],
        },
      },
    },
  })
})
test.beforeEach(() => installation.okapi.forget())
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'

test.serial('a call that both allow arrives', async (t) => {
  t.is(verdictOf(await ask(installation.egress(ID.notes), get('/tags/1', T))), '200')
  t.is(installation.okapi.requests.length, 1)
})

test.serial('a call that the module’s sidecar allows is refused by Okapi’s', async (t) => {
  const fields = get('/custom-fields', T, `X-Okapi-Module-Id: ${ID.users}`)
  const requestId = 'X-Okapi-Request-Id: 1/both-ends'
  const refused = await ask(
    installation.egress(ID.notes),
    fields.replace(T, `${T}\r\n${requestId}`),
  )
  t.is(verdictOf(refused), '403 interface-not-required')
  t.regex(refused.body, /custom-fields/)
  t.is(installation.okapi.bytes, '')
  const own = await installation.sidecar(ID.notes).exchange('1/both-ends')
  t.is(own.rule, 'grant')
  t.is(own.status, 403)
  t.is(own.reason, undefined)
  t.is(own['refusedBeyond'], 'interface-not-required', 'a 403 of the module would look the same')
  const theirs = await installation.sidecar(ID.okapi).exchange('1/both-ends')
  t.is(theirs.reason, 'interface-not-required')
  t.is(theirs['refusedBeyond'], undefined)
})

test.serial('a path that one end excepts the other refuses', async (t) => {
  const refused = await ask(installation.egress(ID.notes), get('/users/a%2Fb', T))
  t.is(verdictOf(refused), '400 ambiguous-target')
  const theirs = await installation
    .sidecar(ID.okapi)
    .say(({ reason }) => reason === 'ambiguous-target')
  t.is(theirs.length, 1)
  t.is(installation.okapi.bytes, '')
})

test.serial(
  'a call that Okapi’s would allow is refused by the module’s own sidecar, and no byte leaves',
  async (t) => {
    const { bytes } = installation.cable
    t.is(
      verdictOf(await ask(installation.egress(OLD), get('/tags/1', T))),
      '403 interface-not-required',
    )
    t.is(installation.cable.bytes, bytes)
  },
)

test.serial('a version that does not fit is not the same as no requirement', async (t) => {
  const refused = await ask(installation.egress(OLD), get('/users/1', T))
  t.is(verdictOf(refused), '403 interface-version-mismatch')
  t.regex(refused.body, /16\.5.*17\.0|17\.0.*16\.5/)
})

test.serial(
  'who is in quarantine at Okapi gets no further, though its own sidecar is silent',
  async (t) => {
    const refused = await ask(installation.egress(ILL), get('/users/1', T))
    t.is(verdictOf(refused), '403 quarantined')
    t.is(installation.okapi.bytes, '')
  },
)

test.serial('a caller that proved who it is hears the whole sentence', async (t) => {
  const refused = await ask(installation.egress(ID.notes), get('/instance-storage/instances', T))
  t.is(verdictOf(refused), '404 route-not-declared')
  t.is(field(refused, 'Content-Type'), 'application/problem+json')
  const { type, reason, status, detail } = JSON.parse(refused.body)
  t.is(type, 'urn:okapi-sidecar:refusal:route-not-declared')
  t.is(reason, 'route-not-declared')
  t.is(status, 404)
  t.regex(detail, /mod-notes-8\.1\.0 may not GET \/instance-storage\/instances/)
})

test.serial('a page of a browser may read a refusal', async (t) => {
  const origin = 'Origin: https://library.example'
  const refused = await ask(installation.egress(ID.notes), request('GET /tag', [T, origin]))
  t.is(field(refused, 'Access-Control-Allow-Origin'), 'https://library.example')
  t.is(
    field(await ask(installation.egress(ID.notes), get('/tag', T)), 'Access-Control-Allow-Origin'),
    undefined,
  )
})
