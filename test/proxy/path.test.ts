import test from 'ava'
import type { Authorizer } from '../../src/policy/policy.ts'
import { ambiguous, invokedTenant } from '../../src/proxy/path.ts'
import { Head } from '../../src/wire/head.ts'
import { OpenPolicy } from '../support/listeners.ts'

function refusal(path: string, exceptions: readonly string[] = []) {
  const policy = new OpenPolicy()
  policy.exceptions = exceptions
  const authorizer: Authorizer = policy.bind()
  const head = new Head()
  head.begin(Buffer.from(`GET ${path}?..//%2f;# HTTP/1.1`), 0)
  head.pathEnd = 4 + path.length
  return ambiguous(head, 4, authorizer)
}

test('an odd path is refused with what is odd; the query may hold anything', (t) => {
  t.is(refusal('/users/1'), null)
  t.is(refusal('/a//b')?.reason, 'ambiguous-target')
  t.is(refusal('/a//b')?.status, 400)
  t.regex(refusal('/a/%2e%2f')?.because ?? '', /an encoded dot \(%2e\), an encoded slash \(%2f\)/)
})

test('exceptions take off what they name and nothing else', (t) => {
  t.is(refusal('/a%2Fb;c', ['%2f', ';']), null)
  t.regex(refusal('/a%2Fb;c', ['%2f'])?.because ?? '', /holds a ;$/)
  t.truthy(
    refusal('/a/../b', [
      ...['%2f', ';', '//', '%2e', '\\', '#', '%5c', '%00', '%3b', '%23', '%3f', '%25'],
    ]),
  )
  t.truthy(refusal('/a%', ['%2f', '%25']))
  t.truthy(refusal('/a/../b', ['..', '.', 'dots']))
  t.truthy(refusal('/a%2fb', ['%2F']), 'they are spelled in small letters')
})

test('the tenant in /_/invoke/tenant/{t}/', (t) => {
  const tenant = (path: string, end = path.length) =>
    invokedTenant(Buffer.from(`x${path}`), 1, end + 1)
  t.is(tenant('/_/invoke/tenant/diku/saml/login'), 'diku')
  t.is(tenant('/_/invoke/tenant/diku/'), 'diku')
  t.is(tenant('/_/invoke/tenant//x'), '')
  t.is(tenant('/_/invoke/tenant/diku'), undefined)
  t.is(tenant('/_/invoke/tenant/'), undefined)
  t.is(tenant('/_/invoke/Tenant/diku/x'), undefined)
  t.is(tenant('/a/_/invoke/tenant/diku/x'), undefined)
  t.is(tenant('/_/invoke/tenant/diku/x', 21), undefined, 'a slash behind the path is none')
})
