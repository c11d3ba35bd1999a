import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { Life } from '../support/scenario/life.ts'
import { inside } from '../support/scenario/sidecar.ts'
import { ask, get, ID, Place, Player, Process, Sidecar, verdictOf } from '../support/scenario.ts'

let place: Place
let module: Player
let certificates = 0

test.before(async () => {
  place = await Place.make()
  module = await Player.start()
})
test.after.always(async () => {
  await module?.close()
  await place?.close()
})

type Settings = Record<string, unknown>

/** A configuration that would run. */
async function good(more: Settings = {}): Promise<Settings> {
  const ingress = { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` }
  const egress = { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' }
  return place.configuration(ID.users, { ingress, egress, ...more })
}

/** Runs it to its end: exit code, standard error, and what was said to standard output. */
async function run(settings: unknown, name = `bad-${++certificates}.yaml`) {
  const process = new Life(inside(await place.file(name, settings)))
  const ran = process
    .say(({ msg }) => msg === 'ready')
    .then(
      () => process.stop(),
      () => {},
    )
  const code = await process.ended
  await ran
  return { code, err: process.err, ready: process.ready }
}

/** A folder of credentials of its own, which a test may spoil. */
async function credentials(name: string = ID.users): Promise<string> {
  const directory = join(place.directory, `spoiled-${++certificates}`)
  const from = await place.certificate(name)
  await mkdir(directory, { mode: 0o700 })
  for (const file of ['tls.crt', 'tls.key', 'ca.crt']) {
    await writeFile(join(directory, file), await readFile(join(from, file)), { mode: 0o600 })
  }
  return directory
}

/** A folder of descriptors of its own. */
async function descriptors(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = join(place.directory, `descriptors-${++certificates}`)
  await mkdir(directory, { mode: 0o755 })
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), text, { mode: 0o644 })
  }
  return directory
}

const USERS = JSON.stringify({ id: ID.users, provides: [] })

interface Said {
  readonly code: unknown
  readonly err: string
  readonly ready: boolean
}

/** Exit 2, one readable error, nothing listened, no stack trace. */
function refused(
  t: { is: (a: unknown, b: unknown) => void; regex: Matches },
  said: Said,
  words: RegExp,
) {
  t.is(said.code, 2)
  t.is(said.ready, false)
  t.regex(said.err, /^okapi-sidecar: error: /)
  t.regex(said.err, words)
  t.is(/\n +at /.test(said.err), false)
}

type Matches = (text: string, words: RegExp) => void

test.serial('the configuration that all others spoil runs', async (t) => {
  const sidecar = await Sidecar.process(ID.users, await place.file('good.yaml', await good()))
  const where = { port: sidecar.port('ingress'), certificate: await place.certificate(ID.okapi) }
  t.is(verdictOf(await ask(where, get('/users/1'))), '200')
  t.is(await sidecar.stop(), 0)
})

test.serial('an unknown key: file, line and column, and the nearest name', async (t) => {
  const { credentials: held } = await good()
  const text = [
    `module: ${ID.users}`,
    'trustDomain: folio.test',
    `credentials: ${JSON.stringify(held)}`,
    'ingress:',
    '  lisen: 127.0.0.1:0',
    '',
  ].join('\n')
  const said = await run(text, 'unknown.yaml')
  refused(t, said, /unknown\.yaml:5:3: .*lisen/)
  t.regex(said.err, /hint: .*listen/)
})

test.serial('several mistakes are told together', async (t) => {
  const said = await run({ ...(await good()), modul: 'x', trustDomain: 'UPPER' })
  refused(t, said, /modul/)
  t.regex(said.err, /trustDomain/)
})

test.serial('a file that is not there, and one that is no YAML', async (t) => {
  const missing = new Process(['run', '-c', join(place.directory, 'missing.yaml')])
  t.is(await missing.ended, 2)
  t.regex(missing.err, /missing\.yaml/)
  refused(t, await run('module: [', 'broken.yaml'), /broken\.yaml:1:\d+/)
})

test.serial('a descriptor whose patterns would take seconds for one request', async (t) => {
  const handlers = Array.from({ length: 100 }, (_, i) => ({
    methods: ['GET'],
    pathPattern: `/${`*${'a'.repeat(126)}`.repeat(15)}b${i}`,
  }))
  const provides = [{ id: 'evil', version: '1.0', handlers }]
  const evil = JSON.stringify({ id: 'mod-evil-1.0.0', provides })
  const folder = await descriptors({ 'users.json': USERS, 'evil.json': evil })
  const said = await run({ ...(await good()), policy: { descriptors: folder } })
  refused(t, said, /evil\.json.*mod-evil-1\.0\.0 make one request take too long/)
})

test.serial('a port in use, whichever listener: the others do not listen either', async (t) => {
  const taken = await Player.start()
  t.teardown(() => taken.close())
  const listen = `127.0.0.1:${taken.port}`
  const gateway = 'https://127.0.0.1:1'
  const forward = `http://127.0.0.1:${module.port}`
  for (const [section, asked] of [
    [{ ingress: { listen, forward } }, 0],
    [{ egress: { listen, gateway } }, 0],
    // At its own admin address it asks whether a sidecar there is shutting down.
    [{ admin: { listen } }, 1],
  ] as const) {
    refused(t, await run(await good(section)), new RegExp(`127\\.0\\.0\\.1[: a-z]+${taken.port}`))
    t.is(taken.connections, asked)
  }
})

test.serial('an egress that others than the module could reach', async (t) => {
  const egress = { listen: '0.0.0.0:0', gateway: 'https://127.0.0.1:1' }
  refused(t, await run(await good({ egress })), /egress\.listen.*loopback/)
  const forward = { listen: '127.0.0.1:0', forward: 'http://10.0.0.1:8081' }
  refused(t, await run(await good({ ingress: forward })), /ingress\.forward.*loopback/)
  const why = { allowPlainBeyondLoopback: 'a test' }
  const file = await place.file('allowed.yaml', await good({ egress, ...why }))
  const sidecar = await Sidecar.start(ID.users, file)
  t.is(await sidecar.stop(), 0)
})

const SPOILED: readonly [what: string, words: RegExp, spoil: (d: string) => Promise<unknown>][] = [
  ['no key', /tls\.key/, (d) => rm(join(d, 'tls.key'))],
  [
    'a key that cannot be read',
    /tls\.key/,
    async (d) => {
      await rm(join(d, 'tls.key'))
      await mkdir(join(d, 'tls.key'))
    },
  ],
  ['a key that is none', /tls\.key/, (d) => writeFile(join(d, 'tls.key'), 'no key')],
  [
    'a key that does not fit',
    /tls\.key/,
    async (d) =>
      writeFile(
        join(d, 'tls.key'),
        await readFile(join(await place.certificate(ID.users), 'tls.key')),
      ),
  ],
  ['a key that others may write', /tls\.key/, (d) => chmod(join(d, 'tls.key'), 0o622)],
  ['no certificate', /tls\.crt/, (d) => rm(join(d, 'tls.crt'))],
  ['a certificate that is none', /tls\.crt/, (d) => writeFile(join(d, 'tls.crt'), 'none')],
  ['an empty ca.crt', /ca\.crt/, (d) => writeFile(join(d, 'ca.crt'), '')],
  ['no ca.crt', /ca\.crt/, (d) => rm(join(d, 'ca.crt'))],
  ['an unreadable ca.crl', /ca\.crl/, (d) => writeFile(join(d, 'ca.crl'), 'no list')],
]

for (const [what, words, spoil] of SPOILED) {
  test.serial(`credentials: ${what}`, async (t) => {
    const directory = await credentials()
    await spoil(directory)
    refused(t, await run(await good({ credentials: { directory } })), words)
  })
}

const asRoot = process.getuid?.() === 0
const unlessRoot = asRoot ? test.serial.skip : test.serial
if (asRoot) console.log('skipped: root reads every file, so an unreadable key is not shown')

unlessRoot('credentials: a key that may not be read', async (t) => {
  const directory = await credentials()
  await chmod(join(directory, 'tls.key'), 0o000)
  refused(t, await run(await good({ credentials: { directory } })), /tls\.key/)
})

test.serial('credentials: the certificate of another module', async (t) => {
  const directory = await credentials(ID.tags)
  const said = await run(await good({ credentials: { directory } }))
  refused(t, said, /mod-tags-3\.1\.0/)
  t.regex(said.err, /mod-users-19\.7\.0/)
})

test.serial('credentials: a folder that is not there', async (t) => {
  const directory = join(place.directory, 'nowhere')
  refused(t, await run(await good({ credentials: { directory } })), /nowhere/)
})

const BROKEN: readonly [what: string, words: RegExp, files: Record<string, string>][] = [
  ['one that is no JSON', /users\.json/, { 'users.json': '{"id": ' }],
  ['the same full id twice', /mod-users-19\.7\.0.*|b\.json/, { 'a.json': USERS, 'b.json': USERS }],
  ['an empty folder', /descriptors-\d+/, {}],
  ['one without an id', /users\.json/, { 'users.json': '{"provides": []}' }],
  [
    'one whose provides is no list',
    /users\.json/,
    { 'users.json': `{"id":"${ID.users}","provides":1}` },
  ],
]

for (const [what, words, files] of BROKEN) {
  test.serial(`descriptors: ${what}`, async (t) => {
    const policy = { descriptors: await descriptors(files) }
    refused(t, await run(await good({ policy })), words)
  })
}

test.serial('descriptors: a folder that is not there', async (t) => {
  const policy = { descriptors: join(place.directory, 'no-descriptors') }
  refused(t, await run(await good({ policy })), /no-descriptors/)
})

test.serial(
  'a policy that others may write, and a configuration that others may write',
  async (t) => {
    const folder = await descriptors({ 'users.json': USERS })
    const policy = { descriptors: folder }
    await chmod(join(folder, 'users.json'), 0o666)
    refused(
      t,
      await run(await good({ policy })),
      /users\.json.*others may write|others may write.*users\.json/,
    )
    await chmod(join(folder, 'users.json'), 0o644)
    await chmod(folder, 0o777)
    refused(t, await run(await good({ policy })), /others may write/)
    const file = await place.file('open.yaml', await good())
    await chmod(file, 0o666)
    const process = new Process(['run', '-c', file])
    t.is(await process.ended, 2)
    t.regex(process.err, /open\.yaml.*others may write/)
  },
)

test.serial('a grant without a reason is reported with its place', async (t) => {
  const grants = [{ caller: ID.notes, at: 'okapi', interface: 'tags' }]
  const said = await run(await good({ policy: { grants } }), 'grants.yaml')
  refused(t, said, /grants\.yaml:\d+:\d+: .*why/)
})

test.serial(
  'what had begun to listen before the mistake was met is gone without a trace',
  async (t) => {
    const taken = await Player.start()
    t.teardown(() => taken.close())
    const socket = join(place.directory, 'egress.sock')
    const egress = { listen: `unix:${socket}`, gateway: 'https://127.0.0.1:1' }
    refused(
      t,
      await run(await good({ egress, admin: { listen: `127.0.0.1:${taken.port}` } })),
      /in use|EADDRINUSE/,
    )
    await t.throwsAsync(stat(socket), { code: 'ENOENT' })
  },
)
