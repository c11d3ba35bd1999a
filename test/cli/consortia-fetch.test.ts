import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { parse } from 'yaml'
import { typed } from '../support/typed.ts'

const ID = '1af9ef2c-3c71-4d04-9b2a-8f5b3c4a0b10'

/** mod-consortia and mod-users behind an Okapi, as their APIs have it. */
class FolioStandIn {
  answers: Record<string, unknown> = {
    '/consortia': { consortia: [{ id: ID, name: 'East' }], totalRecords: 1 },
    [`/consortia/${ID}/tenants`]: {
      tenants: [
        { id: 'university', code: 'UNI', name: 'University', isCentral: false, isDeleted: false },
        { id: 'east', code: 'EAS', name: 'East', isCentral: true },
        { id: 'closed', code: 'CLO', name: 'Closed', isCentral: false, isDeleted: true },
        { id: 'college', code: 'COL', name: 'College', isCentral: false },
      ],
      totalRecords: 4,
    },
  }
  status = 200
  readonly asked: string[] = []
  readonly headers: unknown[] = []
  url = ''

  static async open(t: ExecutionContext): Promise<FolioStandIn> {
    const standIn = new FolioStandIn()
    const server = createServer(({ url = '', headers }, response) => {
      standIn.asked.push(url)
      standIn.headers.push([headers['x-okapi-tenant'], headers['x-okapi-token']])
      const answer = standIn.answers[url] ?? standIn.answers[url.split('?')[0]!]
      response.writeHead(answer === undefined ? 404 : standIn.status)
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? 'none'))
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    standIn.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return standIn
  }
}

function place(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'consortia-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const fetch = (okapi: FolioStandIn, out: string, ...more: string[]) =>
  typed(['consortia', 'fetch', '--okapi', okapi.url, '--tenant', 'east', '--out', out, ...more])

test('writes who belongs together, and asks in the central tenant with the token', async (t) => {
  const okapi = await FolioStandIn.open(t)
  const folder = place(t)
  const [out, token] = [join(folder, 'consortia.yaml'), join(folder, 'token')]
  writeFileSync(token, 'a.b.c\n', { mode: 0o600 })
  const { code, stdout, stderr } = await fetch(okapi, out, '--token-file', token)
  t.is(code, 0, stderr)
  t.is(
    stdout,
    `${out}: the consortium of east has 2 members\n    + east\n    + college\n    + university\n`,
  )
  t.deepEqual(parse(readFileSync(out, 'utf8')), {
    consortia: [{ name: 'East', central: 'east', members: ['college', 'university'] }],
    cross: [],
  })
  t.deepEqual(okapi.asked, ['/consortia', `/consortia/${ID}/tenants?limit=1000&offset=0`])
  t.deepEqual(new Set(okapi.headers.map(String)), new Set(['east,a.b.c']))
  t.deepEqual(readdirSync(folder).sort(), ['consortia.yaml', 'token'])
})

test('what may cross, other consortia and comments stay', async (t) => {
  const okapi = await FolioStandIn.open(t)
  const out = join(place(t), 'consortia.yaml')
  const rest = `cross:
  - caller: mod-consortia # asked for by Anna
    directions: [central-to-member]
    why: affiliations
`
  writeFileSync(
    out,
    `# ours\nconsortia:\n  - central: west\n    members: [academy]\n  - central: east\n    members: [college, school]\n${rest}`,
    { mode: 0o600 },
  )
  const { code, stdout, stderr } = await fetch(okapi, out)
  t.is(code, 0, stderr)
  t.regex(stdout, /2 members\n {4}\+ university\n {4}- school\n$/)
  const text = readFileSync(out, 'utf8')
  t.true(text.startsWith('# ours\n'))
  t.true(text.includes(rest), text)
  t.deepEqual(parse(text).consortia, [
    { central: 'west', members: ['academy'] },
    { name: 'East', central: 'east', members: ['college', 'university'] },
  ])
  const again = await fetch(okapi, out)
  t.is(again.stdout, `${out}: the consortium of east has 2 members\n`)
  t.is(readFileSync(out, 'utf8'), text)
})

test('--from user-tenants: as the affiliations of users show it, page by page', async (t) => {
  const okapi = await FolioStandIn.open(t)
  const out = join(place(t), 'consortia.yaml')
  const user = (i: number) => ({
    id: `${i}`,
    userId: `${i}`,
    tenantId: ['east', 'college', 'university'][i % 3],
    centralTenantId: 'east',
  })
  const page = (offset: number, count: number) => ({
    userTenants: Array.from({ length: count }, (_, i) => user(offset + i)),
    totalRecords: 1003,
  })
  okapi.answers = {
    '/user-tenants?limit=1000&offset=0': page(0, 1000),
    '/user-tenants?limit=1000&offset=1000': page(1000, 3),
  }
  const { code, stderr } = await fetch(okapi, out, '--from', 'user-tenants')
  t.is(code, 0, stderr)
  t.deepEqual(parse(readFileSync(out, 'utf8')).consortia, [
    { central: 'east', members: ['college', 'university'] },
  ])
  t.is(okapi.asked.length, 2)
})

for (const [what, change, said] of [
  ['no consortium', { '/consortia': { consortia: [] } }, /has no consortium in tenant east/],
  ['an answer without a list', { '/consortia': {} }, /did not answer with a list of `consortia`/],
  ['no JSON', { '/consortia': '<html>' }, /did not answer with JSON/],
  [
    'a tenant that is not the central one',
    { [`/consortia/${ID}/tenants`]: { tenants: [{ id: 'other', isCentral: true }] } },
    /east is not the central tenant: that is other/,
  ],
  [
    'no central tenant',
    { [`/consortia/${ID}/tenants`]: { tenants: [{ id: 'east', isCentral: false }] } },
    /has 0 central tenants/,
  ],
  [
    'what is not a tenant name',
    {
      [`/consortia/${ID}/tenants`]: {
        tenants: [
          { id: 'east', isCentral: true },
          { id: 'a, b', isCentral: false },
        ],
      },
    },
    /"a, b" is not a tenant name/,
  ],
  [
    'the supertenant as a member',
    {
      [`/consortia/${ID}/tenants`]: {
        tenants: [{ id: 'east', isCentral: true }, { id: 'supertenant' }],
      },
    },
    /supertenant is in no consortium/,
  ],
] as const) {
  test(`${what}: nothing is written`, async (t) => {
    const okapi = await FolioStandIn.open(t)
    const folder = place(t)
    Object.assign(okapi.answers, change)
    const { code, stderr } = await fetch(okapi, join(folder, 'consortia.yaml'))
    t.is(code, 2)
    t.regex(stderr, said)
    t.deepEqual(readdirSync(folder), [])
  })
}

test('a tenant that is in another consortium of the file: it stays as it was', async (t) => {
  const okapi = await FolioStandIn.open(t)
  const folder = place(t)
  const out = join(folder, 'consortia.yaml')
  const text = 'consortia: [{ central: west, members: [college] }]\n'
  writeFileSync(out, text, { mode: 0o600 })
  const { code, stderr } = await fetch(okapi, out)
  t.is(code, 2)
  t.regex(stderr, /tenant college is listed in the consortium of west too/)
  t.is(readFileSync(out, 'utf8'), text)
  t.deepEqual(readdirSync(folder), ['consortia.yaml'])
  // Whatever the umask: others may write it.
  chmodSync(out, 0o666)
  const open = await fetch(okapi, out)
  t.is(open.code, 2)
  t.regex(open.stderr, /may write|writable/)
})

test('a refusal of Okapi is told, and what is wrong with the command line', async (t) => {
  const okapi = await FolioStandIn.open(t)
  const out = join(place(t), 'consortia.yaml')
  okapi.status = 403
  const { code, stderr } = await fetch(okapi, out)
  t.is(code, 2)
  t.regex(stderr, /GET \/consortia: 403/)
  for (const [argv, said] of [
    [['--okapi', okapi.url, '--tenant', 'east'], /--out is missing/],
    [['--okapi', okapi.url, '--tenant', 'a b', '--out', out], /--tenant "a b" is not a tenant id/],
    [
      ['--okapi', okapi.url, '--tenant', 'east', '--out', out, '--from', 'x'],
      /--from x: consortia/,
    ],
    [['--okapi', 'http://10.0.0.1:9130', '--tenant', 'east', '--out', out], /plain HTTP/],
  ] as const) {
    const wrong = await typed(['consortia', 'fetch', ...argv])
    t.is(wrong.code, 2)
    t.regex(wrong.stderr, said)
  }
})
