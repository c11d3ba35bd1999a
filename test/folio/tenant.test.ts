import test from 'ava'
import { readInvocation } from '../../src/folio/tenant.ts'

function read(path: string) {
  const bytes = Buffer.from(`xx${path}yy`)
  const found = readInvocation(bytes, 2, bytes.length - 2)
  const rest = found && bytes.toString('latin1', found.rest, bytes.length - 2)
  return found && [found.tenant, rest]
}

test('takes /_/invoke/tenant/{t}/REST apart', (t) => {
  t.deepEqual(read('/_/invoke/tenant/diku/saml/login'), ['diku', '/saml/login'])
  t.deepEqual(read('/_/invoke/tenant/diku/'), ['diku', '/'])
  t.deepEqual(read('/_/invoke/tenant/diku/_/proxy/tenants'), ['diku', '/_/proxy/tenants'])
})

test('sees no invocation in anything else', (t) => {
  for (const path of [
    '',
    '/_/invoke/tenant/',
    '/_/invoke/tenant/diku',
    '/_/invoke/tenant//saml',
    '/_/invoke/tenants/diku/saml',
    '/_/Invoke/tenant/diku/saml',
    '/users/_/invoke/tenant/diku/saml',
  ]) {
    t.is(read(path), undefined, path)
  }
})
