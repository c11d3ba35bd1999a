import test from 'ava'
import {
  ask,
  get,
  healthMessage,
  ID,
  Installation,
  request,
  silence,
  verdictOf,
} from '../support/scenario.ts'

// Okapi's discovery says http://127.0.0.1:20000/<module id>; a client that may write there must not be able
// to send the calls of one module to another.

let installation: Installation

test.before(async () => {
  installation = await Installation.open({ modules: [ID.users, ID.tags] })
})
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'

const calls = (target: string) => ask(installation.modules, get(target, T)).then(verdictOf)

function nothingArrived(): boolean {
  return installation.module(ID.tags).bytes === '' && installation.module(ID.users).bytes === ''
}

test.serial('mod-users’ routes at mod-tags are refused, and its own are not', async (t) => {
  t.is(await calls(`/${ID.tags}/users/1`), '403 route-not-declared')
  t.is(await calls(`/${ID.users}/tags/1`), '403 route-not-declared')
  t.true(nothingArrived())
  t.is(await calls(`/${ID.users}/users/1`), '200')
  t.is(await calls(`/${ID.tags}/tags/1`), '200')
})

test.serial('a module that no descriptor names is refused, whatever the path', async (t) => {
  for (const id of [
    'mod-user-19.7.0',
    'mod-users-19.7.1',
    'mod-users',
    'MOD-USERS-19.7.0',
    '%6dod',
  ]) {
    t.is(await calls(`/${id}/users/1`), '403 route-not-declared', id)
  }
})

test.serial(
  'a URL in the discovery without the id, or without its version: that is told',
  async (t) => {
    const said = async (target: string) => (await ask(installation.modules, get(target, T))).body
    for (const [target, word] of [
      ['/users/1', 'users'],
      ['/mod-users/users/1', 'mod-users'],
    ] as const) {
      const { detail, wouldAllow } = JSON.parse(await said(target))
      t.is(detail, `the path begins with "${word}", which is not a full module id`)
      t.regex(wouldAllow, /ends with the id, as `okapi-sidecar discovery` prints it/)
    }
    t.regex(await said('/mod-users-19.7.1/users/1'), /no descriptor of a module .* is installed/)
  },
)

test.serial('a module without an address is not found', async (t) => {
  t.is(await calls(`/${ID.notes}/notes/1`), '502 upstream-unreachable')
})

test.serial('the first segment cannot be left again', async (t) => {
  for (const rest of ['/../mod-tags-3.1.0/tags', '//tags', '/users/%2e%2e/tags']) {
    t.is(await calls(`/${ID.users}${rest}`), '400 ambiguous-target', rest)
  }
  t.is(await calls(`/${ID.users}/users?a=../..//`), '200')
})

test.serial(
  'health of a module that is up is 200, and the module sees nothing of it',
  async (t) => {
    for (const target of [`/${ID.tags}`, `/${ID.tags}/`]) {
      installation.module(ID.tags).forget()
      const answered = await ask(installation.modules, get(target))
      t.is(verdictOf(answered), '200')
      t.deepEqual(JSON.parse(answered.body), { module: ID.tags, status: 'UP' })
      t.is(installation.module(ID.tags).bytes, '')
    }
  },
)

test.serial('any answer would be health, so a module that is not there gives none', async (t) => {
  for (const id of ['mod-users-19.7.1', 'mod-nothing-1.0.0', ID.notes]) {
    for (const target of [`/${id}`, `/${id}/`]) {
      t.regex(
        healthMessage(await silence(installation.modules, get(target))),
        /^Fail: .*"0-[a-z-]+"$/,
      )
    }
  }
  const posted = await silence(installation.modules, request(`POST /${ID.users}`))
  t.is(healthMessage(posted), 'Fail: For input string: "0-route-not-declared"')
})

test.serial('a query alone names no path', async (t) => {
  t.is(await calls(`/${ID.users}?a=b`), '403 route-not-declared')
})
