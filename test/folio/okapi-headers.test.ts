import test from 'ava'
import { OKAPI_HEADERS, OKAPI_PREFIX, okapiHeader } from '../../src/folio/okapi-headers.ts'

const names = (chosen: (header: (typeof OKAPI_HEADERS)[number]) => boolean) =>
  OKAPI_HEADERS.filter(chosen)
    .map(({ canonical }) => canonical)
    .sort()

test('a module may say five names, one of them only as its token does', (t) => {
  t.deepEqual(
    names(({ fromModule }) => fromModule === 'pass'),
    ['X-Okapi-Module-Id', 'X-Okapi-Request-Id', 'X-Okapi-Tenant', 'X-Okapi-Token'],
  )
  t.deepEqual(
    names(({ fromModule }) => fromModule === 'checked'),
    ['X-Okapi-User-Id'],
  )
})

test('a browser may say what Okapi’s own CORS list allows', (t) => {
  t.deepEqual(
    names(({ fromPublic }) => fromPublic),
    ['X-Okapi-Module-Id', 'X-Okapi-Request-Id', 'X-Okapi-Tenant', 'X-Okapi-Token'],
  )
})

test('an answer keeps two names, and its token from those who give tokens by trade', (t) => {
  t.deepEqual(
    names(({ onResponse }) => onResponse === 'pass'),
    ['X-Okapi-Request-Id', 'X-Okapi-Trace'],
  )
  t.deepEqual(
    names(({ onResponse }) => onResponse === 'token'),
    ['X-Okapi-Token'],
  )
})

test('names are found in lower case, each once', (t) => {
  t.is(new Set(OKAPI_HEADERS.map(({ name }) => name)).size, OKAPI_HEADERS.length)
  for (const { name, canonical } of OKAPI_HEADERS) {
    t.true(name.startsWith(OKAPI_PREFIX))
    t.is(okapiHeader(name)?.canonical, canonical)
  }
  t.is(okapiHeader('x-okapi-nonsense'), undefined)
})
