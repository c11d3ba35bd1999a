import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readGrants } from '../../src/config/grants.ts'
import { compilePolicy } from '../../src/policy/compiled-policy.ts'
import { KNOWN_GRANTS_FILE, loadDescriptors } from '../../src/policy/descriptor-files.ts'
import { ask, word } from './tools.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures/descriptors')
const { DESCRIPTORS_DIR: real = '' } = process.env

/** What browsers, identity providers and mod-login-saml itself need, in this installed set. */
function signsOn(t: ExecutionContext, folder: string, callbacks: readonly string[]): void {
  const { set } = loadDescriptors(folder)
  const known = readGrants({ inline: [], files: [KNOWN_GRANTS_FILE] })
  const knownGrants = ['mod-login-saml']
  const { policy } = compilePolicy({ descriptors: set, known, knownGrants })
  const browser = (method: string, path: string, preflight = false) =>
    word(ask(policy!, { caller: 'public', method, path, preflight }))
  const invoke = '/_/invoke/tenant/diku'
  // stripes-core loginServices.js, and SamlClientLoader.java: what identity providers call back.
  for (const path of ['/saml/login', ...callbacks]) {
    t.is(browser('POST', `${invoke}${path}`), 'default', path)
    t.is(browser('OPTIONS', `${invoke}${path}`, true), 'default', `preflight of ${path}`)
    t.is(browser('POST', path), 'default', path)
  }
  t.is(browser('GET', '/saml/check'), 'default')
  t.is(browser('GET', `${invoke}/users`), 'admin-route')
  t.is(browser('POST', `${invoke}/authn/login`), 'admin-route')
  t.is(browser('POST', `${invoke}/_/proxy/tenants`), 'admin-route')
  t.is(browser('POST', '/_/invoke/tenant/supertenant/saml/login'), 'tenant-not-allowed')
  const [id = ''] = [...set.modules.keys()].filter((one) => one.startsWith('mod-login-saml-'))
  const module = (method: string, path: string) =>
    word(ask(policy!, { caller: id, method, path, tenant: 'diku' }))
  t.is(module('POST', '/token/sign'), 'requires')
  t.is(module('GET', '/users?query=x'), 'requires')
  t.is(module('GET', '/user-tenants?username=x'), 'grant')
}

test('what single sign-on needs at public is open, and nothing beside it', (t) => {
  signsOn(t, FIXTURES, ['/saml/callback'])
})

test('the same with the descriptors of a real installation', (t) => {
  if (!existsSync(real) || !readdirSync(real).some((name) => name.startsWith('mod-login-saml'))) {
    console.log('skipped: DESCRIPTORS_DIR names no real descriptors')
    t.pass()
    return
  }
  signsOn(t, real, ['/saml/callback', '/saml/callback-with-expiry'])
})
