import test from 'ava'
import { ask, fields, ID, Installation, request, verdictOf } from '../support/scenario.ts'

let installation: Installation

test.before(async () => {
  installation = await Installation.open({ modules: [ID.notes, ID.users, ID.authtoken, ID.login] })
})
test.after.always(() => installation?.close())

const COOKIES = [
  'Cookie: a=1; folioAccessToken=secret; b=2',
  'cookie: FolioRefreshToken=secret',
  'Cookie: xfolioAccessToken=kept',
]
const WITHOUT = ['a=1; b=2', 'xfolioAccessToken=kept']

/** The Cookie values that reach a module when Okapi calls it with all of these. */
async function reaching(id: string, target: string): Promise<string[]> {
  const lines = ['X-Okapi-Tenant: diku', ...COOKIES]
  const answered = await ask(installation.modules, request(`POST /${id}${target}`, lines, '{}'))
  return [verdictOf(answered), ...fields(installation.module(id).last, 'Cookie')]
}

test.serial('an ordinary module gets the other cookies only', async (t) => {
  t.deepEqual((await reaching(ID.users, '/users')).toSorted(), ['200', ...WITHOUT].toSorted())
})

test.serial('providers of login and authtoken get them', async (t) => {
  const all = ['200', ...COOKIES.map((line) => line.slice('Cookie: '.length))]
  t.deepEqual(await reaching(ID.login, '/authn/refresh'), all)
  t.deepEqual(await reaching(ID.authtoken, '/any'), all)
})

test.serial('a module cannot send them on to Okapi', async (t) => {
  const lines = ['X-Okapi-Tenant: diku', ...COOKIES]
  t.is(verdictOf(await ask(installation.egress(ID.notes), request('GET /users', lines))), '200')
  t.deepEqual(fields(installation.okapi.last, 'Cookie').toSorted(), WITHOUT.toSorted())
})
