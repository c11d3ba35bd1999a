import test from 'ava'
import { OKAPI_HEADERS, SPOOFABLE_HEADERS } from '../../src/folio/okapi-headers.ts'
import { OkapiUrl } from '../../src/proxy/okapi-url.ts'
import { type DoorName, type DoorOptions, MODULE, memoryDoor } from '../support/doors.ts'

const jwt = (payload: unknown) =>
  `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`
const TOKEN = jwt({ tenant: 'diku', user_id: 'u1' })
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

/** What goes on of a request with these lines: lines without Host and traceparent, or the refusal. */
async function through(door: DoorName, lines: readonly string[], options: DoorOptions = {}) {
  const { socket, pool, told } = memoryDoor(door, options)
  const target = door === 'modules' ? `/${MODULE}/a` : '/a'
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
  door: DoorName,
  lines: readonly string[],
  options: DoorOptions = {},
  asked = '',
) {
  const { socket, pool } = memoryDoor(door, options)
  const target = door === 'modules' ? `/${MODULE}/a` : '/a'
  await socket.arrive(`GET ${target} HTTP/1.1\r\nHost: caller\r\n${asked}\r\n`)
  const text = lines.map((line) => `${line}\r\n`).join('')
  await pool.answer(pool.connect(), `HTTP/1.1 200 OK\r\n${text}Content-Length: 0\r\n\r\n`)
  return socket.sent
    .split('\r\n')
    .slice(1, -2)
    .filter((line) => line !== 'Content-Length: 0')
}

const TOKENS = `X-Okapi-Token: ${TOKEN}`

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
    t.deepEqual((await through('modules', lines)).lines, lines)
  })
}

for (const name of [
  ...SPOOFABLE_HEADERS,
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-client-cert',
  'x-forwarded-prefix',
  'x-sidecar-refused',
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
  const nobody = `X-Okapi-Token: ${jwt({ tenant: 'diku' })}`
  const bearer = `Authorization: Bearer ${TOKEN}`
  t.deepEqual((await through('egress', [user, TOKENS])).lines, [user, TOKENS])
  t.deepEqual((await through('egress', [user, bearer])).lines, [user, bearer])
  t.deepEqual((await through('egress', [user])).lines, [])
  t.deepEqual((await through('egress', [user, nobody])).lines, [nobody])
  t.is((await through('egress', [user, other])).refused, 'forbidden-header')
  t.is((await through('okapi', [user])).refused, 'forbidden-header')
  t.is((await through('okapi', [user, nobody])).refused, 'forbidden-header')
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
  for (const door of ['ingressOfLogin', 'modules'] as const) {
    t.deepEqual((await through(door, [both, only])).lines, [both, only])
  }
  t.is((await through('okapi', [only])).refused, 'forbidden-header')
  t.is((await through('okapi', ['Cookie: a=b', both])).refused, 'forbidden-header')
  t.deepEqual((await through('okapi', ['Cookie: a=b'])).lines, ['Cookie: a=b'])
  t.deepEqual((await through('public', [both])).lines, ['X-Forwarded-For: 192.0.2.7', both])
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
  for (const door of ['egress', 'okapi', 'ingress', 'modules'] as const) {
    t.deepEqual((await through(door, [...hops, 'Accept: g'])).lines, ['Accept: g'], door)
  }
})

test('what the public says of its way is continued in one line', async (t) => {
  const { lines } = await through('public', [
    'X-Forwarded-For: 1.1.1.1',
    'Authorization: Bearer a',
    'x-forwarded-for: 2.2.2.2',
  ])
  t.deepEqual(lines, ['X-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.7', 'Authorization: Bearer a'])
})

for (const { canonical, onResponse } of OKAPI_HEADERS) {
  const line = `${canonical}: a`
  test(`${canonical} in an answer: ${onResponse}`, async (t) => {
    t.deepEqual(await back('ingress', [line]), onResponse === 'pass' ? [line] : [])
    const keeps = onResponse !== 'strip'
    t.deepEqual(await back('ingress', [line], { keepsTokens: true }), keeps ? [line] : [])
    t.deepEqual(await back('ingress', [line], { authFilter: true }), [line])
    for (const door of ['egress', 'okapi', 'modules', 'public'] as const) {
      t.deepEqual(await back(door, [line]), [line], door)
    }
  })
}

test('answers: token cookies only from those who give tokens, X-Sidecar-* from no module', async (t) => {
  const lines = [
    'Set-Cookie: folioAccessToken=a; Path=/',
    'set-cookie: FolioRefreshToken=b',
    'Set-Cookie: c=d',
  ]
  t.deepEqual(await back('ingress', lines), ['Set-Cookie: c=d'])
  t.deepEqual(await back('ingress', lines, { keepsTokens: true }), lines)
  t.deepEqual(await back('ingress', lines, { authFilter: true }), lines)
  t.deepEqual(await back('okapi', lines), lines)
  for (const options of [{}, { keepsTokens: true }, { authFilter: true }]) {
    t.deepEqual(await back('ingress', ['X-Sidecar-Refused: a', 'x_sidecar_x: b'], options), [])
  }
})

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
  const { socket, pool, policy, okapiUrl } = memoryDoor('egress')
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
  const trace = async (door: DoorName, lines: string) => {
    const { socket, pool } = memoryDoor(door)
    await socket.arrive(`GET /a HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)
    return pool.connect().sent.match(/^traceparent:.*$/gim)
  }
  const given = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  t.deepEqual(await trace('egress', `${given}\r\n`), [given])
  const begun = /^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/
  for (const lines of ['', 'traceparent: a\r\n', 'traceparent: a\r\nTraceparent: b\r\n']) {
    const found = await trace('egress', lines)
    t.is(found?.length, 1)
    t.regex(found?.[0] ?? '', begun)
  }
  const fromOutside = await trace('public', `${given}\r\n`)
  t.is(fromOutside?.length, 1)
  t.not(fromOutside?.[0], given)
})

for (const door of ['plainToModule', 'plainToOkapi'] as const) {
  const atModule = door === 'plainToModule'

  for (const { canonical, fromModule } of OKAPI_HEADERS) {
    const value =
      canonical === 'X-Okapi-User-Id' ? 'u1' : canonical === 'X-Okapi-Token' ? TOKEN : 'a'
    const line = `${canonical}: ${value}`
    const lines = canonical === 'X-Okapi-User-Id' ? [TOKENS, line] : [line]

    test(`${canonical} by the ${door} door`, async (t) => {
      const { refused, lines: kept } = await through(door, lines)
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
    test(`${name}: taken off at the ${door} door`, async (t) => {
      t.deepEqual(await through(door, [`${name}: a`]), { refused: '', lines: [] })
    })
  }

  test(`X-Okapi-User-Id at the ${door} door: only beside a token that names the user`, async (t) => {
    const user = (id: string) => `X-Okapi-User-Id: ${id}`
    t.deepEqual((await through(door, [user('u1')])).lines, [])
    t.is((await through(door, [TOKENS, user('u2')])).refused, 'forbidden-header')
    t.deepEqual((await through(door, [TOKENS, user('u1')])).lines, [TOKENS, user('u1')])
  })

  test(`the user’s own tokens in cookies are taken off at the ${door} door`, async (t) => {
    const { lines } = await through(door, ['Cookie: a=b; folioAccessToken=x'])
    t.deepEqual(lines, ['Cookie: a=b'])
  })
}

test('a path in X-Okapi-Url from nobody is not taken off what the module calls later', async (t) => {
  const okapiUrl = new OkapiUrl('http://localhost:9130')
  const said = 'X-Okapi-Url: http://okapi:9130/users'
  t.deepEqual((await through('plainToModule', [said], { okapiUrl })).lines, [
    'X-Okapi-Url: http://localhost:9130',
  ])
  t.is(okapiUrl.path, '')
  // One that Okapi proved to have said stays what it was.
  await through('ingress', ['X-Okapi-Url: http://okapi:9130/okapi'], { okapiUrl })
  await through('plainToModule', [said], { okapiUrl })
  await back('plainToModule', ['Location: http://localhost:9130/a'], { okapiUrl }, `${said}\r\n`)
  t.is(okapiUrl.path, '/okapi')
})

test('by the plain door a Location gets back what its caller takes for Okapi', async (t) => {
  const asked = 'X-Okapi-Url: http://okapi:9130/okapi/\r\n'
  const answered = (location: string) => back('plainToModule', [`Location: ${location}`], {}, asked)
  t.deepEqual(await answered('http://localhost:9130/a/1'), [
    'Location: http://okapi:9130/okapi/a/1',
  ])
  t.deepEqual(await answered('http://localhost:91301/a'), ['Location: http://localhost:91301/a'])
  t.deepEqual(await answered('/a/1'), ['Location: /a/1'])
})

test('answers by the plain door to a module lose what those by its ingress lose', async (t) => {
  const lines = ['X-Okapi-Stop: now', 'X-Okapi-Token: t', 'Set-Cookie: folioAccessToken=x', 'A: b']
  t.deepEqual(await back('plainToModule', lines), ['A: b'])
})
