import test from 'ava'
import fc from 'fast-check'
import { isTenantName, readInvocation } from '../../src/folio/tenant.ts'

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

test('the name of a tenant is 1 to 64 ASCII letters, digits, - and _', (t) => {
  const near = fc.constantFrom('a', 'z', 'A', 'Z', '0', '9', '-', '_', '`', '{', '@', '[', '/', ':')
  const letter = fc.oneof(
    near,
    near,
    near,
    fc.constantFrom(',', ' ', '\n', '\0', 'ä', 'Ω', '\u{1d504}'),
  )
  const name = fc.oneof(
    fc.string({ unit: letter, maxLength: 70 }),
    fc.string({ unit: near, maxLength: 4 }),
    fc.constantFrom('', 'a'.repeat(64), 'a'.repeat(65), 'a\n', '\na', 'diku,supertenant'),
  )
  fc.assert(
    fc.property(name, (text) => {
      if (isTenantName(text) !== /^[A-Za-z0-9_-]{1,64}$/.test(text)) throw new Error(text)
    }),
    { numRuns: 2000 },
  )
  t.true(isTenantName('diku'))
  t.false(isTenantName('diku, supertenant'))
})
