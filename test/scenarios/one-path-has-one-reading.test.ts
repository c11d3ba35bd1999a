import test from 'ava'
import { ask, field, get, ID, Installation, verdictOf } from '../support/scenario.ts'

// Of the real descriptors: circulation has GET /circulation/requests/{id}, another interface of the same
// module GET /circulation/requests/allowed-service-points. Okapi matches the raw path and finds the first
// where a letter is written with %; Vert.x and Spring decode, and serve the second.

const CIRCULATION = 'mod-circulation-24.6.0'
const KIOSK = 'mod-kiosk-1.0.0'
const handlers = (pathPattern: string) => [
  { methods: ['GET'], pathPattern, permissionsRequired: [] },
]
const DESCRIPTORS = [
  {
    id: CIRCULATION,
    provides: [
      { id: 'circulation', version: '14.7', handlers: handlers('/circulation/requests/{id}') },
      {
        id: 'allowed-service-points',
        version: '1.2',
        handlers: handlers('/circulation/requests/allowed-service-points'),
      },
    ],
  },
  { id: KIOSK, provides: [], requires: [{ id: 'circulation', version: '14.7' }] },
]
const EVERYTHING = ['%2f', '%5c', '%3b', '%23', '%3f', '%25', ';', '//']
const EXCEPTED = { path: '/circulation/requests/*', allow: EVERYTHING, why: 'a test' }

let strict: Installation
let lenient: Installation
test.before(async () => {
  const modules = [CIRCULATION, KIOSK]
  const policy = { pathExceptions: [{ ...EXCEPTED, at: 'mod-circulation' }] }
  const more = Object.fromEntries([...modules, ID.okapi].map((id) => [id, { policy }]))
  strict = await Installation.open({ modules, descriptors: DESCRIPTORS })
  lenient = await Installation.open({ modules, descriptors: DESCRIPTORS, more })
})
test.after.always(async () => {
  await strict?.close()
  await lenient?.close()
})

const T = 'X-Okapi-Tenant: diku'

/** At the three places of one call: the caller's own sidecar, Okapi's, and the callee's. */
async function everywhere(installation: Installation, path: string): Promise<string[]> {
  installation.okapi.forget()
  installation.module(CIRCULATION).forget()
  const verdicts = [
    await ask(installation.egress(KIOSK), get(path, T)),
    await ask(await installation.ingress(ID.okapi, KIOSK), get(path, T)),
    await ask(installation.modules, get(`/${CIRCULATION}${path}`, T)),
    await ask(await installation.ingress(CIRCULATION, ID.okapi), get(path, T)),
  ].map(verdictOf)
  return [...new Set(verdicts)]
}

const ID_PATH = '/circulation/requests/'

for (const [what, segment, twin] of [
  ['a letter', '%61llowed-service-points', 'llowed-service-points'],
  ['a hyphen', 'allowed%2Dservice-points', 'allowed,service-points'],
  ['a digit', '%31', '1'],
  ['an underscore', 'a%5Fb', 'a_b'],
  ['a tilde', 'a%7eb', 'a~b'],
  ['the end of a line', 'a%0d%0ab', 'a%20b'],
  ['a control character', 'a%01', 'a'],
  ['DEL', 'a%7f', 'a'],
  ['an overlong slash', 'a%c0%afb', 'a%c3%afb'],
  ['an overlong letter', '%c1%a1llowed-service-points', '%c3%a1llowed-service-points'],
  ['a letter of Latin-1', '%e4', '%c3%a4'],
  ['half a character', 'a%c3', 'a%c3%a4'],
] as const) {
  test.serial(
    `${what} written with % is refused at every place, whatever is excepted`,
    async (t) => {
      for (const installation of [strict, lenient]) {
        t.deepEqual(await everywhere(installation, ID_PATH + segment), ['400 ambiguous-target'])
        t.is(installation.okapi.bytes + installation.module(CIRCULATION).bytes, '')
        t.deepEqual(await everywhere(installation, ID_PATH + twin), ['200'])
      }
    },
  )
}

// What ends the segment differs with the reader: `..;/` is `../` to Tomcat, `..%2f` to a reader that decodes first.
for (const segment of [
  '..;/admin',
  '..;a=b/admin',
  '.;/admin',
  '..%3b/admin',
  '..%2f..%2fadmin',
  'a%2f..%2fadmin',
  'a%2F.%2Fadmin',
  '..%5cadmin',
  'a%5c..',
  '..%23',
  '..%3f',
  'a%252f..%252fadmin',
  '%252e%252e%252fadmin',
  '..%25252fadmin',
  '%2e%2e/admin',
  '.%2e/admin',
  '../admin',
]) {
  test.serial(`an exception is never one for dots: ${segment}`, async (t) => {
    for (const installation of [strict, lenient]) {
      t.deepEqual(await everywhere(installation, ID_PATH + segment), ['400 ambiguous-target'])
      t.is(installation.okapi.bytes + installation.module(CIRCULATION).bytes, '')
    }
  })
}

for (const segment of [
  ...['a;b=c', 'a%2fb', 'a%2f..b', 'a%5cb', 'a%3bb', 'a%23b', 'a%3fb', 'a%25b', 'a..;b'],
]) {
  test.serial(`what is excepted passes where it is, and nowhere else: ${segment}`, async (t) => {
    t.deepEqual(await everywhere(lenient, ID_PATH + segment), ['200'])
    t.is(lenient.module(CIRCULATION).last.first, `GET ${ID_PATH}${segment} HTTP/1.1`)
    t.deepEqual(await everywhere(strict, ID_PATH + segment), ['400 ambiguous-target'])
  })
}

// Netty reads the request line as Latin-1 and writes it as UTF-8 (HttpRequestEncoder.encodeInitialLine):
// through Okapi a raw ä of UTF-8 arrives as two letters, and the search finds nothing.
test.serial('raw UTF-8 in a query is refused with the remedy, encoded it passes', async (t) => {
  const raw = await ask(strict.egress(KIOSK), get(`${ID_PATH}1?query=name%3D\xc3\xa4`, T))
  t.is(verdictOf(raw), '400 ambiguous-target')
  t.regex(raw.body, /%C3%A4/)
  t.is(field(raw, 'Content-Type'), 'application/problem+json')
  t.deepEqual(await everywhere(strict, `${ID_PATH}1?query=name%3D%C3%A4/..//%61%c0%af`), ['200'])
})
