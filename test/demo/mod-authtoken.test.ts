import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { request } from 'undici'
import { processFile, startChild } from '../../src/demo/child.ts'
import { ANNA, TENANT } from '../../src/demo/members.ts'
import { until } from '../support/patience.ts'

/** The stand-in, and an Okapi that answers every question with `status`. */
async function open(t: ExecutionContext, { asksOkapi = false, status = 200 } = {}) {
  const asked: string[] = []
  const okapi = createServer(({ url = '' }, response) => {
    asked.push(url.split('?', 1)[0]!)
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ permissionNames: ['users.item.get'], permissions: [] }))
  })
  await new Promise<void>((resolve) => {
    okapi.listen(0, '127.0.0.1', resolve)
  })
  const child = startChild('mod-authtoken', processFile('mod-authtoken'), [
    JSON.stringify({ asksOkapi }),
  ])
  t.teardown(async () => {
    await child.stop()
    okapi.closeAllConnections()
    okapi.close()
  })
  const { port } = await child.line(({ msg }) => msg === 'ready')
  const url = `http://127.0.0.1:${(okapi.address() as AddressInfo).port}`
  const call = async (path: string, headers: Record<string, string>, body?: object) => {
    const answer = await request(`http://127.0.0.1:${port}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'X-Okapi-Tenant': TENANT, 'X-Okapi-Url': url, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, text, headers: answer.headers }
  }
  return { child, asked, call }
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))

test('any valid token of the tenant and a permission that anyone can spell sign a token of any user', async (t) => {
  const { child, call } = await open(t)
  const token = String(await child.ask('annasToken'))
  const payload = { sub: 'admin', user_id: '99999999-9999-4999-9999-999999999999' }
  const sign = (permissions: string, path = '/token', more: object = { 'X-Okapi-Token': token }) =>
    call(path, { 'X-Okapi-Permissions': permissions, ...more }, { payload })
  const legacy = await sign('["L3Rva2Vu.execute"]')
  t.is(legacy.status, 201)
  t.like(claimsOf(JSON.parse(legacy.text).token), { ...payload, tenant: TENANT })
  const expiring = await sign('["L3Rva2VuL3NpZ24=.execute"]', '/token/sign')
  t.is(expiring.status, 201)
  t.like(claimsOf(JSON.parse(expiring.text).accessToken), payload)
  t.is((await sign('["auth.signtoken"]')).status, 401)
  t.is((await sign('["L3Rva2Vu.execute"]', '/token', { 'X-Okapi-Token': 'a.b.c' })).status, 401)
})

test('its filter signs a module token with whatever permissions the header names', async (t) => {
  const { call } = await open(t)
  const permissions = JSON.stringify({ 'mod-rogue-1.0.0': ['perms.all'] })
  const { status, headers } = await call('/users', { 'X-Okapi-Module-Permissions': permissions })
  t.is(status, 202)
  const tokens = JSON.parse(String(headers['x-okapi-module-tokens']))
  t.deepEqual(claimsOf(tokens['mod-rogue-1.0.0']).extra_permissions, ['perms.all'])
})

test('a 403 from /perms/permissions leaves the caller without an answer', async (t) => {
  const { child, call, asked } = await open(t, { asksOkapi: true, status: 403 })
  const token = String(await child.ask('jobsToken'))
  let answered = false
  call('/tags', { 'X-Okapi-Token': token }).then(
    () => {
      answered = true
    },
    () => undefined,
  )
  await until(() => asked.includes('/perms/permissions'))
  // The next call is answered, so that the first was not only slow.
  const refused = await call('/tags', { 'X-Okapi-Token': String(await child.ask('annasToken')) })
  t.deepEqual([refused.status, answered], [401, false])
  t.regex(refused.text, /Unexpected user response code 403/)
})

test('with a mod-permissions it asks for the user and for the permissions', async (t) => {
  const { child, call, asked } = await open(t, { asksOkapi: true })
  const headers = { 'X-Okapi-Token': String(await child.ask('annasToken')) }
  const wanted = { ...headers, 'X-Okapi-Permissions-Required': 'users.item.get' }
  t.is((await call('/users/1', wanted)).status, 202)
  t.deepEqual(asked, [`/users/${ANNA.id}`, `/perms/users/${ANNA.id}/permissions`])
  const more = { ...headers, 'X-Okapi-Permissions-Required': 'users.item.delete' }
  t.is((await call('/users/1', more)).status, 403)
})
