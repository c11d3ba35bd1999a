import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { hasAuthFilter, isSystemInterface } from '../../src/folio/descriptor.ts'
import { readDescriptor } from '../../src/folio/read-descriptor.ts'

const folder = new URL('../fixtures/descriptors/', import.meta.url)
const fixture = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))

test('reads every descriptor of the fixtures without a finding', (t) => {
  const names = readdirSync(folder)
  t.true(names.length >= 8)
  for (const name of names) {
    const { descriptor, findings } = readDescriptor(fixture(name))
    t.deepEqual(findings, [], name)
    t.is(`${descriptor?.id.id}.json`, name)
  }
})

test('another JSON file in the folder is reported as one', (t) => {
  const { findings } = readDescriptor({ modules: [] })
  t.is(findings[0]?.message, 'it has no id: only ModuleDescriptors belong here')
})

test('keeps what policy asks for, with pointers', (t) => {
  const { descriptor } = readDescriptor(fixture('mod-authtoken-2.18.0.json'))
  t.true(hasAuthFilter(descriptor!))
  t.is(descriptor!.filters[0]!.pointer, '/filters/0')
  t.deepEqual(descriptor!.requires[1], {
    id: 'users',
    version: '15.0 16.0',
    pointer: '/requires/1',
  })
  const tenant = descriptor!.provides.at(-1)!
  t.true(isSystemInterface(tenant))
  t.is(tenant.handlers[1]!.pointer, '/provides/2/handlers/1')
})

const BASE = { id: 'mod-x-1.0.0' }
const provides = (entry: object) => ({
  ...BASE,
  provides: [{ id: 'x', version: '1.0', handlers: [{ methods: ['GET'], ...entry }] }],
})

const WRONG: readonly (readonly [what: string, value: unknown, pointer: string])[] = [
  ['a list', [], ''],
  ['null', null, ''],
  ['no id', {}, '/id'],
  ['an id without version', { id: 'mod-x' }, '/id'],
  ['an id that is a number', { id: 1 }, '/id'],
  ['provides that is an object', { ...BASE, provides: {} }, '/provides'],
  ['an interface without version', { ...BASE, provides: [{ id: 'x' }] }, '/provides/0/version'],
  [
    'an interface version of one number',
    { ...BASE, requires: [{ id: 'x', version: '1' }] },
    '/requires/0/version',
  ],
  [
    'a version that is a number',
    { ...BASE, optional: [{ id: 'x', version: 1.5 }] },
    '/optional/0/version',
  ],
  ['a pattern with a dot', provides({ pathPattern: '/a.b' }), '/provides/0/handlers/0/pathPattern'],
  ['neither pattern nor path', provides({}), '/provides/0/handlers/0'],
  [
    'a method in lower case',
    provides({ pathPattern: '/a', methods: ['get'] }),
    '/provides/0/handlers/0/methods',
  ],
  [
    'methods that are a text',
    provides({ pathPattern: '/a', methods: 'GET' }),
    '/provides/0/handlers/0/methods',
  ],
  [
    'a phase of its own',
    provides({ pathPattern: '/a', phase: 'x' }),
    '/provides/0/handlers/0/phase',
  ],
  [
    'a redirect to nowhere',
    provides({ pathPattern: '/a', type: 'redirect' }),
    '/provides/0/handlers/0/redirectPath',
  ],
  [
    'a redirect to an empty path',
    provides({ pathPattern: '/a', type: 'redirect', redirectPath: '' }),
    '/provides/0/handlers/0/redirectPath',
  ],
  [
    'a type that Okapi does not know',
    provides({ pathPattern: '/a', type: 'redirects', redirectPath: '/b' }),
    '/provides/0/handlers/0/type',
  ],
  [
    'a path beside a pathPattern, of which Okapi keeps the last',
    provides({ pathPattern: '/a', path: '/' }),
    '/provides/0/handlers/0/path',
  ],
  [
    'delegateCORS as text',
    provides({ pathPattern: '/a', delegateCORS: 'yes' }),
    '/provides/0/handlers/0/delegateCORS',
  ],
]

for (const [what, value, pointer] of WRONG) {
  test(`refuses ${what}, at its place`, (t) => {
    const { descriptor, findings } = readDescriptor(value)
    t.is(descriptor, undefined)
    const errors = findings.filter(({ severity }) => severity === 'error')
    t.deepEqual(
      errors.map((finding) => finding.pointer),
      [pointer],
    )
  })
}

test('warns of what works but is not meant', (t) => {
  const legacy = readDescriptor(provides({ path: '/users' }))
  t.is(legacy.descriptor!.provides[0]!.handlers[0]!.path, '/users')
  t.regex(legacy.findings[0]!.message, /\/users-and-more/)
  const odd = { ...BASE, provides: [{ id: 'x', version: '1.0', interfaceType: 'reference' }] }
  const { descriptor, findings } = readDescriptor(odd)
  t.is(descriptor!.provides[0]!.type, 'unknown')
  t.is(findings[0]!.severity, 'warning')
  t.is(readDescriptor({ id: 'mod-x-1.0.0+build' }).findings[0]!.severity, 'warning')
})

test('a type called `constructor` or `toString` is as unknown as any other', (t) => {
  for (const name of ['constructor', '__proto__', 'toString', 'unknown', '', 'Proxy']) {
    const interfaceType = name
    const value = { ...BASE, provides: [{ id: 'x', version: '1.0', interfaceType }] }
    const { descriptor, findings } = readDescriptor(value)
    t.is(descriptor!.provides[0]!.type, 'unknown', name)
    t.is(findings[0]!.pointer, '/provides/0/interfaceType')
  }
})

test('invisible characters are refused in names and paths: lists are for people', (t) => {
  const places: readonly (readonly [value: (text: string) => unknown, pointer: string])[] = [
    [(text) => ({ id: `mod-${text}-1.0.0` }), '/id'],
    [(text) => ({ ...BASE, requires: [{ id: text, version: '1.0' }] }), '/requires/0/id'],
    [(text) => ({ ...BASE, provides: [{ id: text, version: '1.0' }] }), '/provides/0/id'],
    [(pathPattern) => provides({ pathPattern }), '/provides/0/handlers/0/pathPattern'],
    [(path) => provides({ path }), '/provides/0/handlers/0/path'],
    [
      (text) => provides({ pathPattern: '/a', rewritePath: text }),
      '/provides/0/handlers/0/rewritePath',
    ],
    [
      (text) => provides({ pathPattern: '/a', type: 'redirect', redirectPath: text }),
      '/provides/0/handlers/0/redirectPath',
    ],
    [
      (text) => provides({ pathPattern: '/a', modulePermissions: [text] }),
      '/provides/0/handlers/0/modulePermissions/0',
    ],
  ]
  for (const char of ['\n', '\r', '\0', '\u001b', '\u0085', '\u2028', '\u202e', '\ud800']) {
    for (const [value, pointer] of places) {
      const { descriptor, findings } = readDescriptor(value(`/a${char}- {caller: public}`))
      t.is(descriptor, undefined)
      const found = findings.find((one) => one.pointer === pointer && one.severity === 'error')
      t.regex(found?.message ?? '', /U\+[0-9A-F]{4}|is not allowed|is not a module id/, pointer)
      for (const { message } of findings) t.notRegex(message, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    }
  }
  // Other letters are odd, but seen.
  const { descriptor } = readDescriptor(provides({ pathPattern: '/u/{ö💥}' }))
  t.is(descriptor!.provides[0]!.handlers[0]!.pathPattern, '/u/{ö💥}')
})

test('a wrong value is quoted, cut to one line', (t) => {
  const long = 'x'.repeat(100_000)
  for (const value of [
    { id: long },
    provides({ pathPattern: '/a', methods: [long] }),
    provides({ pathPattern: '/a', phase: long }),
    provides({ pathPattern: '/a', type: long }),
    provides({ path: `/${long}` }),
    { ...BASE, provides: [{ id: long, version: 1 }] },
    { ...BASE, provides: [{ id: 'x', version: '1.0', interfaceType: long }] },
  ]) {
    const { findings } = readDescriptor(value)
    t.true(findings.length > 0)
    for (const { message } of findings) t.true(message.length < 300, message.slice(0, 40))
  }
  const [empty] = readDescriptor(provides({ pathPattern: '/a', methods: [''] })).findings
  t.is(empty!.message, '"" is not a method that Okapi knows, in upper case')
  const [blank] = readDescriptor(provides({ pathPattern: '/a b' })).findings
  t.is(blank!.message, 'a blank is not allowed in a pathPattern')
})

test('a path that is too long for any request is refused, with its place', (t) => {
  const places: readonly (readonly [value: (text: string) => unknown, pointer: string])[] = [
    [(pathPattern) => provides({ pathPattern }), '/provides/0/handlers/0/pathPattern'],
    [(path) => provides({ path }), '/provides/0/handlers/0/path'],
    [
      (text) => provides({ pathPattern: '/a', rewritePath: text }),
      '/provides/0/handlers/0/rewritePath',
    ],
    [(id) => ({ ...BASE, requires: [{ id, version: '1.0' }] }), '/requires/0/id'],
  ]
  for (const [value, pointer] of places) {
    t.truthy(readDescriptor(value('/a'.repeat(1024))).descriptor)
    for (const text of [`${'/a'.repeat(1024)}b`, `/${'{x}/'.repeat(5000)}`]) {
      const { descriptor, findings } = readDescriptor(value(text))
      t.is(descriptor, undefined)
      t.true(findings.some((one) => one.pointer === pointer && one.severity === 'error'))
    }
  }
})

test('a pattern of stars alone is refused: each costs a look at every byte', (t) => {
  t.truthy(readDescriptor(provides({ pathPattern: `/${'*/'.repeat(16)}` })).descriptor)
  const { descriptor, findings } = readDescriptor(provides({ pathPattern: `/${'*'.repeat(17)}` }))
  t.is(descriptor, undefined)
  t.deepEqual(findings, [
    {
      severity: 'error',
      message: 'a pathPattern has at most 16 `*`',
      pointer: '/provides/0/handlers/0/pathPattern',
    },
  ])
})

test('loads a redirect with a warning at its place', (t) => {
  const entry = { pathPattern: '/a', type: 'redirect', redirectPath: '/b' }
  const { descriptor, findings } = readDescriptor(provides(entry))
  t.is(descriptor!.provides[0]!.handlers[0]!.redirectPath, '/b')
  t.deepEqual(findings, [
    {
      severity: 'warning',
      message: 'a redirect to /b: what it takes is refused',
      pointer: '/provides/0/handlers/0/type',
    },
  ])
  // Okapi does not look at redirectPath where the type is another.
  const other = readDescriptor(provides({ pathPattern: '/a', redirectPath: '/b' }))
  t.is(other.descriptor!.provides[0]!.handlers[0]!.redirectPath, undefined)
  t.deepEqual(other.findings, [])
})

test('ignores fields that it does not know', (t) => {
  const { descriptor, findings } = readDescriptor({
    ...BASE,
    launchDescriptor: { env: 1 },
    x: [null],
  })
  t.deepEqual(findings, [])
  t.is(descriptor?.id.product, 'mod-x')
})

test('never throws, and finds an error or a descriptor in anything', (t) => {
  const keys = fc.constantFrom('id', 'provides', 'requires', 'filters', 'handlers', 'methods')
  fc.assert(
    fc.property(fc.dictionary(keys, fc.jsonValue()), (value) => {
      const { descriptor, findings } = readDescriptor({ ...BASE, ...value })
      const failed = findings.some(({ severity }) => severity === 'error')
      t.is(descriptor === undefined, failed)
    }),
  )
})
