import test from 'ava'
import { OKAPI_HEADERS, SPOOFABLE_HEADERS } from '../../src/folio/okapi-headers.ts'
import { OkapiUrl } from '../../src/proxy/okapi-url.ts'
import {
  type ListenerName,
  type ListenerOptions,
  MODULE,
  memoryListener,
  OpenPolicy,
} from '../support/listeners.ts'

const jwt = (payload: unknown) =>
  `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`
const TOKEN = jwt({ tenant: 'diku', user_id: 'u1' })
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

/** What goes on of a request with these lines: lines without Host and traceparent, or the refusal. */
async function through(
  listener: ListenerName,
  lines: readonly string[],
  options: ListenerOptions = {},
) {
  const { socket, pool, told } = memoryListener(listener, options)
  const target = listener === 'modules' ? `/${MODULE}/a` : '/a'
  const text = lines.map((line) => `${line}\r\n`).join('')
  await socket.arrive(`GET ${target} HTTP/1.1\r\nHost: caller\r\n${text}\r\n`)
  if (told.length > 0) return { refused: told[0]!.reason, lines: [] as string[] }
  const sent = pool.connect().sent
  socket.destroy()
  const all = sent.split('\r\n').slice(1, -2)
  return { refused: '', lines: all.filter((line) => !/^(host|traceparent):/i.test(line)) }
}

/** What goes back of an answer with these lines. */
async function back(
  listener: ListenerName,
  lines: readonly string[],
  options: ListenerOptions = {},
  asked = '',
) {
  const { socket, pool } = memoryListener(listener, options)
  const target = listener === 'modules' ? `/${MODULE}/a` : '/a'
  await socket.arrive(`GET ${target} HTTP/1.1\r\nHost: caller\r\n${asked}\r\n`)
  const text = lines.map((line) => `${line}\r\n`).join('')
  await pool.answer(pool.connect(), `HTTP/1.1 200 OK\r\n${text}Content-Length: 0\r\n\r\n`)
  return socket.sent
    .split('\r\n')
    .slice(1, -2)
    .filter((line) => line !== 'Content-Length: 0')
}

/** What a callee's sidecar is told here: no exchange is noted. */
const CALLER = 'X-Sidecar-Caller: unknown'

const TOKENS = `X-Okapi-Token: ${TOKEN}`
const DIKU = 'X-Okapi-Tenant: diku'

for (const { canonical, fromModule, fromPublic } of OKAPI_HEADERS) {
  const line = `${canonical}: ${canonical === 'X-Okapi-User-Id' ? 'u1' : canonical === 'X-Okapi-Token' ? TOKEN : 'a'}`
  const lines = canonical === 'X-Okapi-User-Id' ? [TOKENS, line] : [line]

  test(`${canonical} from a module: ${fromModule}`, async (t) => {
    const { refused, lines: kept } = await through('egress', lines)
    t.is(refused, '')
    t.deepEqual(kept, fromModule === 'strip' ? [] : lines)
  })

  test(`${canonical} at Okapi’s ingress: ${fromModule === 'strip' ? 'refused' : 'passed'}`, async (t) => {
    const { refused, lines: kept } = await through('okapi', lines)
    t.is(refused, fromModule === 'strip' ? 'forbidden-header' : '')
    t.deepEqual(kept, fromModule === 'strip' ? [] : lines)
  })

  test(`${canonical} from the public: ${fromPublic ? 'passed' : 'taken off'}`, async (t) => {
    const { refused, lines: kept } = await through('public', lines)
    t.is(refused, '')
    t.is(kept.includes(line), fromPublic)
  })

  test(`${canonical} from Okapi passes to a module`, async (t) => {
    const expected =
      canonical === 'X-Okapi-Url'
        ? ['X-Okapi-Url: http://localhost:9130']
        : canonical === 'X-Okapi-Url-to'
          ? ['X-Okapi-Url-to: http://127.0.0.1:8081']
          : lines
    t.deepEqual((await through('ingress', lines)).lines, expected)
    t.deepEqual((await through('modules', lines)).lines, [CALLER, ...lines])
  })
}

for (const name of [
  ...SPOOFABLE_HEADERS,
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-client-cert',
  'x-forwarded-prefix',
  'x-sidecar-refused',
  'x-sidecar-caller',
  'x-sidecar-exchange',
  'x-okapi-unheard-of',
]) {
  test(`${name}: taken off at the egress, refused at Okapi, taken off from the public`, async (t) => {
    const line = `${name}: a`
    t.deepEqual(await through('egress', [line]), { refused: '', lines: [] })
    t.is((await through('okapi', [line])).refused, 'forbidden-header')
    const { lines } = await through('public', [line])
    t.deepEqual(
      lines,
      name === 'x-forwarded-for'
        ? ['X-Forwarded-For: a, 192.0.2.7']
        : ['X-Forwarded-For: 192.0.2.7'],
    )
  })
}

test('names that only look alike pass, in every case', async (t) => {
  const lines = ['X-Forwarded: a', 'X-Real-IPs: a', 'X-Okapi: a', 'Forwardedd: a', 'aCCept: b']
  t.deepEqual((await through('egress', lines)).lines, lines)
  t.deepEqual((await through('okapi', lines)).lines, lines)
})

test('spoofed names with _ are taken off or refused like the ones with -', async (t) => {
  t.deepEqual((await through('egress', ['X_Forwarded_For: a', 'x_real_ip: b'])).lines, [])
  t.is((await through('okapi', ['X_Real_Ip: b'])).refused, 'forbidden-header')
})

test('X-Okapi-User-Id goes on only beside a token of the same user', async (t) => {
  const user = 'X-Okapi-User-Id: u1'
  const other = `X-Okapi-Token: ${jwt({ user_id: 'u2' })}`
  const anonymous = `X-Okapi-Token: ${jwt({ tenant: 'diku' })}`
  const bearer = `Authorization: Bearer ${TOKEN}`
  t.deepEqual((await through('egress', [user, TOKENS])).lines, [user, TOKENS])
  t.deepEqual((await through('egress', [user, bearer])).lines, [user, bearer])
  t.deepEqual((await through('egress', [user])).lines, [])
  t.deepEqual((await through('egress', [user, anonymous])).lines, [anonymous])
  t.is((await through('egress', [user, other])).refused, 'forbidden-header')
  t.is((await through('okapi', [user])).refused, 'forbidden-header')
  t.is((await through('okapi', [user, anonymous])).refused, 'forbidden-header')
  t.is((await through('okapi', [user, other])).refused, 'forbidden-header')
  t.deepEqual((await through('okapi', [user, TOKENS])).lines, [user, TOKENS])
  // Okapi takes the header before Authorization; so does the comparison.
  t.is((await through('egress', [user, bearer, other])).refused, 'forbidden-header')
})

test('the user’s token cookies', async (t) => {
  const both = 'Cookie: a=b; folioAccessToken=c; folioRefreshToken=d'
  const only = 'cookie: folioAccessToken=c'
  t.deepEqual((await through('egress', [both, only, 'Cookie: e=f'])).lines, [
    'Cookie: a=b',
    'Cookie: e=f',
  ])
  t.deepEqual((await through('ingress', [both, only])).lines, ['Cookie: a=b'])
  const reader = { traits: { seesCookies: true } }
  t.deepEqual((await through('ingress', [both, only], reader)).lines, [both, only])
  t.deepEqual((await through('modules', [both, only])).lines, [CALLER, both, only])
  t.is((await through('okapi', [only])).refused, 'forbidden-header')
  t.is((await through('direct', [only], reader)).refused, 'forbidden-header')
  t.deepEqual((await through('plainToModule', [both], reader)).lines, ['Cookie: a=b'])
  t.is((await through('okapi', ['Cookie: a=b', both])).refused, 'forbidden-header')
  t.deepEqual((await through('okapi', ['Cookie: a=b'])).lines, ['Cookie: a=b'])
  t.deepEqual((await through('public', [DIKU, both])).lines, [
    'X-Forwarded-For: 192.0.2.7',
    DIKU,
    both,
  ])
})

test('hop by hop ends at each hop, silently', async (t) => {
  const hops = [
    'Connection: Upgrade, HTTP2-Settings, x-mine',
    'Upgrade: h2c',
    'HTTP2-Settings: a',
    'X-Mine: b',
    'Keep-Alive: c',
    'Proxy-Authorization: d',
    'TE: e',
    'Trailer: f',
  ]
  for (const listener of ['egress', 'okapi', 'ingress', 'modules'] as const) {
    const ours = listener === 'modules' ? [CALLER] : []
    const { lines } = await through(listener, [...hops, 'Accept: g'])
    t.deepEqual(lines, [...ours, 'Accept: g'], listener)
  }
})

test('what the public says of its way is continued in one line', async (t) => {
  const { lines } = await through('public', [
    'X-Forwarded-For: 1.1.1.1',
    DIKU,
    'Authorization: Bearer a',
    'x-forwarded-for: 2.2.2.2',
  ])
  const way = 'X-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.7'
  t.deepEqual(lines, [way, DIKU, 'Authorization: Bearer a'])
})

test('X-Forwarded-For has an IPv4 address as such, also where the listener is of IPv6', async (t) => {
  for (const [peer, address] of [
    ['[::ffff:192.0.2.9]:4711', '192.0.2.9'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
  ] as const) {
    t.deepEqual((await through('public', [], { peer })).lines, [`X-Forwarded-For: ${address}`])
  }
})

const GIVER = { traits: { keepsTokens: true } }
const FILTER = { traits: { authFilter: true } }

// At the module's own sidecar, and again at Okapi's: what answers there may have the module's key only.
for (const listener of ['ingress', 'direct', 'plainToModule', 'modules'] as const) {
  for (const { canonical, onResponse } of OKAPI_HEADERS) {
    const line = `${canonical}: a`
    test(`${canonical} in the answer of a module at ${listener}: ${onResponse}`, async (t) => {
      t.deepEqual(await back(listener, [line]), onResponse === 'pass' ? [line] : [])
      t.deepEqual(await back(listener, [line], GIVER), onResponse !== 'strip' ? [line] : [])
      t.deepEqual(await back(listener, [line], FILTER), [line])
    })
  }

  test(`answers at ${listener}: what none of them may say`, async (t) => {
    const spoofed = [...SPOOFABLE_HEADERS, 'X-Forwarded-For', 'X-Forwarded-Host', 'x_real_ip']
    const lines = [...spoofed, 'X-Sidecar-Refused', 'x_sidecar_x'].map((name) => `${name}: a`)
    for (const options of [{}, GIVER, FILTER]) {
      t.deepEqual(await back(listener, [...lines, 'X-Realer: b'], options), ['X-Realer: b'])
    }
  })

  test(`answers at ${listener}: token cookies only from those who give tokens`, async (t) => {
    const lines = [
      'Set-Cookie: folioAccessToken=a; Path=/',
      'set-cookie: FolioRefreshToken=b',
      'Set-Cookie: =folioAccessToken=c',
      'Set-Cookie2: folioAccessToken=d',
      'Set-Cookie: e=f',
    ]
    t.deepEqual(await back(listener, lines), ['Set-Cookie: e=f'])
    t.deepEqual(await back(listener, lines, GIVER), lines)
    t.deepEqual(await back(listener, lines, FILTER), lines)
  })
}

test('what Okapi answers goes on as it is', async (t) => {
  const lines = ['X-Okapi-Token: a', 'Set-Cookie: folioAccessToken=b', 'X-Okapi-Trace: c']
  for (const listener of ['egress', 'okapi', 'public', 'plainToOkapi'] as const) {
    t.deepEqual(await back(listener, lines), lines, listener)
  }
})

test('the traits of a module are those of the policy in force', async (t) => {
  for (const listener of ['ingress', 'modules'] as const) {
    const { socket, pool, policies } = memoryListener(listener)
    const target = listener === 'modules' ? `/${MODULE}/a` : '/a'
    const said = 'HTTP/1.1 200 OK\r\nX-Okapi-Token: t\r\nContent-Length: 0\r\n\r\n'
    const asked = `GET ${target} HTTP/1.1\r\nHost: x\r\nCookie: folioAccessToken=c\r\n\r\n`
    await socket.arrive(asked)
    const upstream = pool.connect()
    t.is(upstream.sent.includes('Cookie'), listener === 'modules')
    await pool.answer(upstream, said)
    t.false(socket.sent.includes('X-Okapi-Token'))
    const next = new OpenPolicy()
    Object.assign(next.known, { keepsTokens: true, seesCookies: true })
    policies.current = next
    await socket.arrive(asked)
    t.true(upstream.sent.endsWith('Cookie: folioAccessToken=c\r\n\r\n'), listener)
    await pool.answer(upstream, said)
    t.true(socket.sent.includes('X-Okapi-Token'), listener)
    socket.destroy()
  }
})

for (const [status, lines, told] of [
  ['503 No', ['X-Sidecar-Refused: module-unavailable'], 'module-unavailable'],
  ['403 No', ['x-sidecar-refused: route-not-declared'], 'route-not-declared'],
  ['413 No', ['X-Sidecar-Refused: too-large'], 'too-large'],
  ['403 No', ['X-Sidecar-Refused: untrusted-certificate'], 'untrusted-certificate'],
  // What the sidecar of a module has no reason to say, not with this status, not in these words.
  ['403 No', ['X-Sidecar-Refused: wrong-peer'], undefined],
  ['403 No', ['X-Sidecar-Refused: interface-not-required'], undefined],
  ['403 No', ['X-Sidecar-Refused: admin-route'], undefined],
  ['200 OK', ['X-Sidecar-Refused: module-unavailable'], undefined],
  ['503 No', ['X-Sidecar-Refused: Module-Unavailable'], undefined],
  ['503 No', ['X-Sidecar-Refused: __proto__'], undefined],
  ['503 No', ['X-Sidecar-Refused: draining, draining'], undefined],
  ['503 No', ['X-Sidecar-Refused: draining', 'X-Sidecar-Refused: draining'], undefined],
  ['503 No', ['X-Sidecar-Refused:'], undefined],
] as const) {
  test(`at Okapi’s sidecar ${status} with ${lines.join(' and ')}: ${told ?? 'no refusal'}`, async (t) => {
    const policy = new OpenPolicy()
    policy.decide = () => ({ system: true })
    const text = `HTTP/1.1 ${status}\r\n${lines.join('\r\n')}\r\nA: b\r\nContent-Length: 0\r\n\r\n`
    for (const system of [true, false]) {
      policy.decide = () => ({ system })
      const { socket, pool } = memoryListener('modules', { policy })
      await socket.arrive(`GET /${MODULE}/_/tenant HTTP/1.1\r\nHost: x\r\n\r\n`)
      await pool.answer(pool.connect(), text)
      const again = system && told === 'module-unavailable'
      t.is(socket.destroyed && socket.sent === '', again)
      if (again) continue
      const said = socket.sent.split('\r\n').filter((line) => /sidecar/i.test(line))
      t.deepEqual(said, told === undefined ? [] : [`X-Sidecar-Refused: ${told}`])
      t.true(socket.sent.includes('\r\nA: b\r\n'))
    }
  })
}

test('X-Okapi-Url and Location: loopback on the module’s side, the original outside', async (t) => {
  const asked = 'x-OKAPI-url: https://folio.example.org/okapi/\r\n'
  t.deepEqual((await through('ingress', [asked.trim()])).lines, [
    'x-OKAPI-url: http://localhost:9130/okapi',
  ])
  t.deepEqual(await back('ingress', ['location: http://localhost:9130/okapi/users/1'], {}, asked), [
    'location: https://folio.example.org/okapi/users/1',
  ])
  const other = ['Location: http://localhost:9130/elsewhere']
  t.deepEqual(await back('ingress', other, {}, asked), other)
  t.deepEqual(await back('ingress', ['Location: http://localhost:9130/a']), [
    'Location: http://localhost:9130/a',
  ])
})

test('the egress takes the remembered path off, and judges and sends the same bytes', async (t) => {
  const { socket, pool, policy, okapiUrl } = memoryListener('egress')
  okapiUrl.rewrite('https://folio.example.org/okapi')
  for (const [target, expected] of [
    ['/okapi/users?a=/okapi/', '/users'],
    ['/okapis/users', '/okapis/users'],
    ['/users', '/users'],
  ] as const) {
    await socket.arrive(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const upstream = pool.sockets[0] ?? pool.connect()
    t.is(policy.asked.at(-1)?.path, expected)
    const sent = upstream.sent.slice(upstream.sent.lastIndexOf('GET '))
    t.is(sent.split(/[ ?]/)[1], expected)
    await pool.answer(upstream, OK)
  }
  await socket.arrive('GET /okapi/../x HTTP/1.1\r\nHost: x\r\n\r\n')
  t.regex(socket.sent, /ambiguous-target/)
})

test('a trace is passed on as it is, or begun', async (t) => {
  const trace = async (listener: ListenerName, lines: string) => {
    const { socket, pool } = memoryListener(listener)
    await socket.arrive(`GET /a HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)
    return pool.connect().sent.match(/^traceparent:.*$/gim)
  }
  const given = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  t.deepEqual(await trace('egress', `${given}\r\n`), [given])
  const begun = /^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/
  const bad = ['', 'traceparent: a\r\n', 'traceparent: a\r\nTraceparent: b\r\n']
  for (const lines of [...bad, `${given}\r\nConnection: Traceparent\r\n`]) {
    const found = await trace('egress', lines)
    t.is(found?.length, 1)
    t.regex(found?.[0] ?? '', begun)
    t.not(found?.[0], given)
  }
  t.deepEqual(await trace('direct', `${given}\r\n`), [given])
  // Who proves nothing begins one, and continues none of ours.
  for (const listener of ['public', 'plainToModule', 'plainToOkapi'] as const) {
    const fromOutside = await trace(listener, `${given}\r\n`)
    t.is(fromOutside?.length, 1)
    t.regex(fromOutside?.[0] ?? '', begun)
    t.not(fromOutside?.[0], given)
  }
})

for (const { canonical, fromModule } of OKAPI_HEADERS) {
  const value = canonical === 'X-Okapi-User-Id' ? 'u1' : canonical === 'X-Okapi-Token' ? TOKEN : 'a'
  const line = `${canonical}: ${value}`
  const lines = canonical === 'X-Okapi-User-Id' ? [TOKENS, line] : [line]

  test(`${canonical} from a caller that a grant lets to a module`, async (t) => {
    const { refused, lines: kept } = await through('direct', lines)
    if (canonical === 'X-Okapi-Url') t.deepEqual(kept, ['X-Okapi-Url: http://localhost:9130'])
    else if (canonical === 'X-Okapi-Module-Id') t.deepEqual([refused, kept], ['', []])
    else if (fromModule === 'strip') t.is(refused, 'forbidden-header')
    else t.deepEqual([refused, kept], ['', lines])
  })
}

test('a caller that a grant lets to a module may say no more than a caller of Okapi', async (t) => {
  const names = [...SPOOFABLE_HEADERS, 'X-Forwarded-For', 'x_forwarded_host', 'X-Sidecar-Exchange']
  for (const name of [...names, 'x-okapi-unheard-of']) {
    t.is((await through('direct', [`${name}: a`])).refused, 'forbidden-header', name)
  }
  t.is((await through('direct', ['X-Okapi-User-Id: u1'])).refused, 'forbidden-header')
  t.is((await through('direct', [TOKENS, 'X-Okapi-User-Id: u2'])).refused, 'forbidden-header')
  const lines = ['X-Prometheus-Scrape-Timeout-Seconds: 10', 'Accept: */*']
  t.deepEqual(await through('direct', lines), { refused: '', lines })
})

for (const listener of ['plainToModule', 'plainToOkapi'] as const) {
  const atModule = listener === 'plainToModule'

  for (const { canonical, fromModule } of OKAPI_HEADERS) {
    const value =
      canonical === 'X-Okapi-User-Id' ? 'u1' : canonical === 'X-Okapi-Token' ? TOKEN : 'a'
    const line = `${canonical}: ${value}`
    const lines = canonical === 'X-Okapi-User-Id' ? [TOKENS, line] : [line]

    test(`${canonical} by the ${listener} listener`, async (t) => {
      const { refused, lines: kept } = await through(listener, lines)
      t.is(refused, '')
      const ours = canonical === 'X-Okapi-Url' ? [`X-Okapi-Url: http://localhost:9130`] : []
      const off = fromModule === 'strip' || (atModule && canonical === 'X-Okapi-Module-Id')
      t.deepEqual(kept, off ? (atModule ? ours : []) : lines)
    })
  }

  for (const name of [
    ...SPOOFABLE_HEADERS,
    'x-forwarded-for',
    'x-sidecar-refused',
    'x-okapi-new',
  ]) {
    test(`${name}: taken off at the ${listener} listener`, async (t) => {
      t.deepEqual(await through(listener, [`${name}: a`]), { refused: '', lines: [] })
    })
  }

  test(`X-Okapi-User-Id at the ${listener} listener: only beside a token that names the user`, async (t) => {
    const user = (id: string) => `X-Okapi-User-Id: ${id}`
    t.deepEqual((await through(listener, [user('u1')])).lines, [])
    t.is((await through(listener, [TOKENS, user('u2')])).refused, 'forbidden-header')
    t.deepEqual((await through(listener, [TOKENS, user('u1')])).lines, [TOKENS, user('u1')])
  })

  test(`the user’s own tokens in cookies are taken off at the ${listener} listener`, async (t) => {
    const { lines } = await through(listener, ['Cookie: a=b; folioAccessToken=x'])
    t.deepEqual(lines, ['Cookie: a=b'])
  })
}

for (const listener of ['plainToModule', 'direct'] as const) {
  test(`a path in X-Okapi-Url at ${listener} is not taken off what the module calls later`, async (t) => {
    const okapiUrl = new OkapiUrl('http://localhost:9130')
    const said = 'X-Okapi-Url: http://okapi:9130/users'
    t.deepEqual((await through(listener, [said], { okapiUrl })).lines, [
      'X-Okapi-Url: http://localhost:9130',
    ])
    t.is(okapiUrl.path, '')
    // One that Okapi proved to have said stays what it was.
    await through('ingress', ['X-Okapi-Url: http://okapi:9130/okapi'], { okapiUrl })
    await through(listener, [said], { okapiUrl })
    await back(listener, ['Location: http://localhost:9130/a'], { okapiUrl }, `${said}\r\n`)
    t.is(okapiUrl.path, '/okapi')
  })
}

test('by the migration listener a Location gets back what its caller takes for Okapi', async (t) => {
  const asked = 'X-Okapi-Url: http://okapi:9130/okapi/\r\n'
  const answered = (location: string) => back('plainToModule', [`Location: ${location}`], {}, asked)
  t.deepEqual(await answered('http://localhost:9130/a/1'), [
    'Location: http://okapi:9130/okapi/a/1',
  ])
  t.deepEqual(await answered('http://localhost:91301/a'), ['Location: http://localhost:91301/a'])
  t.deepEqual(await answered('/a/1'), ['Location: /a/1'])
})

test('answers by the migration listener to a module lose what those by its ingress lose', async (t) => {
  const lines = ['X-Okapi-Stop: now', 'X-Okapi-Token: t', 'Set-Cookie: folioAccessToken=x', 'A: b']
  t.deepEqual(await back('plainToModule', lines), ['A: b'])
})
