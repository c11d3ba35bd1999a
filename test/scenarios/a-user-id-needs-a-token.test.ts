import test from 'ava'
import { ask, field, get, ID, Installation, token, verdictOf } from '../support/scenario.ts'

let installation: Installation

test.before(async () => {
  installation = await Installation.open({ modules: [ID.notes] })
})
test.after.always(() => installation?.close())

const ANNA = `X-Okapi-Token: ${token({ user_id: 'anna', tenant: 'diku' })}`
const NOBODY = `X-Okapi-Token: ${token({ sub: 'someone', tenant: 'diku' })}`
const BEARER = `Authorization: Bearer ${token({ user_id: 'anna', tenant: 'diku' })}`
const CLAIMS = 'X-Okapi-User-Id: anna'

/** What became of it, and which user id reached Okapi. */
async function viaEgress(...lines: string[]): Promise<string> {
  installation.okapi.forget()
  const answered = await ask(
    installation.egress(ID.notes),
    get('/users/1', 'X-Okapi-Tenant: diku', ...lines),
  )
  const [arrived] = installation.okapi.requests
  return `${verdictOf(answered)}, ${arrived && field(arrived, 'X-Okapi-User-Id')}`
}

/** The same with the module's certificate and no sidecar of its own. */
async function direct(...lines: string[]): Promise<string> {
  installation.okapi.forget()
  const where = await installation.ingress(ID.okapi, ID.notes)
  const answered = await ask(where, get('/users/1', 'X-Okapi-Tenant: diku', ...lines))
  const [arrived] = installation.okapi.requests
  return `${verdictOf(answered)}, ${arrived && field(arrived, 'X-Okapi-User-Id')}`
}

test.serial('beside a token that names the same user it goes on', async (t) => {
  t.is(await viaEgress(ANNA, CLAIMS), '200, anna')
  t.is(await viaEgress(BEARER, CLAIMS), '200, anna')
  t.is(await direct(ANNA, CLAIMS), '200, anna')
})

test.serial('beside a token that names another it is refused', async (t) => {
  const eve = 'X-Okapi-User-Id: eve'
  t.is(await viaEgress(ANNA, eve), '403 forbidden-header, undefined')
  t.is(await viaEgress(BEARER, eve), '403 forbidden-header, undefined')
  t.is(await viaEgress(ANNA, 'X-Okapi-User-Id: ANNA'), '403 forbidden-header, undefined')
  t.is(await direct(ANNA, eve), '403 forbidden-header, undefined')
})

test.serial(
  'without a token that names one the sidecar takes it off, Okapi’s refuses it',
  async (t) => {
    for (const lines of [[CLAIMS], [CLAIMS, NOBODY], [CLAIMS, 'X-Okapi-Token: no-jwt']]) {
      t.is(await viaEgress(...lines), '200, undefined')
      t.is(await direct(...lines), '403 forbidden-header, undefined')
    }
    t.is(await direct(NOBODY), '200, undefined')
  },
)
