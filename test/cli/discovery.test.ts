import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { ID, Place } from '../support/scenario.ts'
import { typed } from '../support/typed.ts'

const DESCRIPTORS = join(import.meta.dirname, '..', 'fixtures', 'descriptors')

interface Instance {
  srvcId: string
  instId: string
  url?: string
  nodeId?: string
}

/** Okapi's discovery as its API has it (okapi-core DiscoveryManager): 201, 204, 404, 400 for a double. */
class Discovery {
  readonly instances: Instance[] = []
  readonly calls: string[] = []
  readonly tokens: (string | undefined)[] = []
  refuse: number | undefined
  body: string | undefined
  readonly #server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = '', url = '' } = request
      this.calls.push(`${method} ${url}`)
      this.tokens.push(request.headers['x-okapi-token']?.toString())
      const [status, json] = this.#answer(method, url, body)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(this.body ?? (json === undefined ? undefined : JSON.stringify(json)))
    })
  })

  static async open(t: ExecutionContext, instances: readonly Instance[] = []): Promise<Discovery> {
    const discovery = new Discovery()
    discovery.instances.push(...instances)
    await new Promise<void>((resolve) => {
      discovery.#server.listen(0, '127.0.0.1', resolve)
    })
    t.teardown(() => {
      discovery.#server.closeAllConnections()
      discovery.#server.close()
    })
    return discovery
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  #answer(method: string, url: string, body: string): [number, unknown?] {
    if (this.refuse !== undefined) return [this.refuse, { error: 'no' }]
    if (method === 'GET' && url === '/_/discovery/modules') return [200, this.instances]
    if (method === 'POST' && url === '/_/discovery/modules') {
      const instance: Instance = JSON.parse(body)
      if (this.instances.some(({ instId }) => instId === instance.instId)) return [400, 'double']
      this.instances.push(instance)
      return [201, instance]
    }
    const [, srvcId, instId] = /^\/_\/discovery\/modules\/([^/]+)\/([^/]+)$/.exec(url) ?? []
    const i = this.instances.findIndex((one) => one.srvcId === srvcId && one.instId === instId)
    if (method !== 'DELETE' || i < 0) return [404]
    this.instances.splice(i, 1)
    return [204]
  }
}

async function discovery(...argv: string[]) {
  const { code, stdout: out, stderr: err } = await typed(['discovery', ...argv])
  return { code, out, err }
}

const MODULES = Object.values(ID).filter((id) => id !== ID.okapi)

test('without Okapi: a port and the id for each module, the same each time', async (t) => {
  const once = await discovery('--descriptors', DESCRIPTORS, '--json')
  t.is(once.code, 0, once.err)
  const { modules, findings, done } = JSON.parse(once.out)
  t.deepEqual(findings, [])
  t.deepEqual(done, [])
  const ids = modules.map(({ srvcId }: Instance) => srvcId)
  for (const id of MODULES) t.true(ids.includes(id), id)
  t.false(ids.includes(ID.okapi))
  for (const { srvcId, url, state, actual } of modules) {
    t.regex(
      url,
      new RegExp(`^http://127\\.0\\.0\\.1:20[01]\\d\\d/${srvcId.replaceAll('.', '\\.')}$`),
    )
    t.is(state, null)
    t.is(actual, null)
  }
  t.is((await discovery('--descriptors', DESCRIPTORS, '--json')).out, once.out)
})

test('an empty Okapi: shown, not touched; --verify says no', async (t) => {
  const okapi = await Discovery.open(t)
  const args = ['--descriptors', DESCRIPTORS, '--okapi', okapi.url]
  const shown = await discovery(...args)
  t.is(shown.code, 0, shown.err)
  t.regex(shown.out, /mod-users-19\.7\.0 +http:\S+ +missing/)
  const verified = await discovery(...args, '--verify')
  t.is(verified.code, 1)
  t.true(verified.out.includes('missing: Okapi has no instance of mod-users-19.7.0'))
  t.deepEqual(new Set(okapi.calls), new Set(['GET /_/discovery/modules']))
})

test('--apply registers what is missing, once, and then nothing is missing', async (t) => {
  const okapi = await Discovery.open(t)
  const args = ['--descriptors', DESCRIPTORS, '--okapi', okapi.url, '--apply', '--verify']
  const first = await discovery(...args)
  t.is(first.code, 0, first.err + first.out)
  const users = okapi.instances.find(({ srvcId }) => srvcId === ID.users)
  t.is(users?.instId, `sidecar_${ID.users}`)
  const count = okapi.instances.length
  const second = await discovery(...args)
  t.is(second.code, 0, second.err)
  t.is(okapi.instances.length, count)
  t.is(okapi.calls.filter((call) => call.startsWith('POST')).length, count)
})

test('modules that Okapi calls past the sidecar are named, and taken out only when asked', async (t) => {
  const plain = { srvcId: ID.users, instId: 'users-1', url: 'http://mod-users:8081' }
  const own = { srvcId: ID.notes, instId: 'own', url: 'http://localhost:9131', nodeId: 'node1' }
  const kube = { srvcId: ID.tags, instId: 'kube_10.0.0.7:8081', url: 'http://10.0.0.7:8081' }
  const gone = { srvcId: 'mod-gone-1.0.0', instId: 'g', url: 'http://mod-gone:8081' }
  const okapi = await Discovery.open(t, [plain, own, kube, gone])
  const args = ['--descriptors', DESCRIPTORS, '--okapi', okapi.url, '--apply', '--verify', '--json']
  const applied = await discovery(...args)
  t.is(applied.code, 1)
  const kinds = (out: string) =>
    JSON.parse(out).findings.map(
      ({ kind, instId }: { kind: string; instId: string }) => `${kind} ${instId}`,
    )
  const before = kinds(applied.out)
  t.true(before.includes('past-the-sidecar users-1'))
  t.true(before.includes('past-the-sidecar own'))
  t.true(before.includes('kubernetes kube_10.0.0.7:8081'))
  t.true(before.includes('not-installed g'))
  t.true(okapi.instances.includes(plain))
  const replaced = await discovery(...args, '--replace')
  t.is(replaced.code, 1, 'what Okapi has by itself is still there')
  const after = kinds(replaced.out)
  t.false(after.includes('past-the-sidecar users-1'))
  t.true(after.includes('past-the-sidecar own'))
  t.true(after.includes('kubernetes kube_10.0.0.7:8081'))
  t.deepEqual(
    okapi.calls.filter((call) => call.startsWith('DELETE')),
    [`DELETE /_/discovery/modules/${ID.users}/users-1`],
  )
})

test('an address that leads to another module is the gravest of all', async (t) => {
  const url = `http://127.0.0.1:20010/${ID.tags}`
  const okapi = await Discovery.open(t, [{ srvcId: ID.users, instId: 'x', url }])
  const args = ['--descriptors', DESCRIPTORS, '--okapi', okapi.url]
  const { code, out } = await discovery(...args, '--verify')
  t.is(code, 1)
  t.regex(out, new RegExp(`names-another-module: Okapi calls ${ID.users} .* leads to ${ID.tags}`))
  const mended = await discovery(...args, '--apply', '--replace', '--verify')
  t.is(mended.code, 0, mended.out)
  t.false(okapi.instances.some(({ instId }) => instId === 'x'))
})

test('modules behind one port are told apart again', async (t) => {
  const at = (srvcId: string) => ({
    srvcId,
    instId: srvcId,
    url: `http://127.0.0.1:20010/${srvcId}`,
  })
  const okapi = await Discovery.open(t, [at(ID.users), at(ID.notes)])
  const args = ['--descriptors', DESCRIPTORS, '--okapi', okapi.url, '--apply']
  const { code, out } = await discovery(...args, '--verify')
  t.is(code, 1)
  t.true(out.includes(`shares port 20010 with`), out)
  t.is((await discovery(...args, '--replace', '--verify')).code, 0)
  t.is(okapi.instances.filter(({ url }) => url?.includes(':20010/')).length, 1)
})

test('Okapi’s answers are shown without control characters', async (t) => {
  const url = 'http://x/\u001b[2J'
  const okapi = await Discovery.open(t, [{ srvcId: ID.users, instId: 'x', url }])
  const { out } = await discovery('--descriptors', DESCRIPTORS, '--okapi', okapi.url)
  t.true(out.includes('past its sidecar'))
  t.false(out.includes('\u001b'))
})

test('a token goes along, and comes from a file', async (t) => {
  const okapi = await Discovery.open(t)
  const place = await Place.make()
  t.teardown(() => place.close())
  const file = await place.file('token', 'ey.a.b\n')
  const args = ['--descriptors', DESCRIPTORS, '--okapi', okapi.url, '--token-file']
  t.is((await discovery(...args, file)).code, 0)
  t.deepEqual(okapi.tokens, ['ey.a.b'])
  t.is((await discovery(...args, await place.file('marked', '\ufeffey.a.b\r\n'))).code, 0)
  t.deepEqual(okapi.tokens, ['ey.a.b', 'ey.a.b'])
  t.is((await discovery(...args, await place.file('two', 'a b'))).code, 2)
  t.is((await discovery(...args, await place.file('empty', '\n'))).code, 2)
  t.is((await discovery(...args, join(place.directory, 'none'))).code, 2)
})

test('answers that are none', async (t) => {
  const okapi = await Discovery.open(t)
  const args = ['--descriptors', DESCRIPTORS, '--okapi', okapi.url, '--verify']
  for (const body of ['{}', 'x', '[{"srvcId":1}]', '[null]']) {
    okapi.body = body
    const { code, err } = await discovery(...args)
    t.is(code, 2, body)
    t.true(err.includes('did not answer with deployment descriptors'), err)
  }
  okapi.body = undefined
  okapi.refuse = 403
  const refused = await discovery(...args)
  t.is(refused.code, 2)
  t.true(refused.err.includes('403'), refused.err)
  t.true(refused.err.includes('profile: daily'), refused.err)
  okapi.refuse = 400
  okapi.body = 'Token missing, access requires permission: okapi.all'
  const locked = await discovery(...args)
  t.regex(locked.err, /400 Token missing.*\n.*hint: .*--token-file where Okapi is secured/)
  okapi.body = '{"reason":"admin-route","detail":"it is Okapi’s\\u001b[2J"}'
  const bySidecar = await discovery(...args)
  t.regex(bySidecar.err, /: 400 admin-route: it is Okapi’s\\u001b\[2J\n/)
})

test('over mutual TLS: an operator with a grant, through Okapi’s sidecar', async (t) => {
  const okapi = await Discovery.open(t)
  const place = await Place.make()
  t.teardown(() => place.close())
  const grant = (name: string, admin: string[]) => ({
    caller: `operator/${name}`,
    at: 'okapi',
    admin,
    why: 'sets up discovery',
  })
  const sidecar = await place.sidecar(ID.okapi, {
    ingress: { listen: '127.0.0.1:0', forward: okapi.url },
    policy: { grants: [grant('anna', ['read', 'discovery']), grant('ben', ['read'])] },
  })
  t.teardown(() => sidecar.stop())
  const url = `https://127.0.0.1:${sidecar.port('ingress')}`
  const as = async (name: string, ...more: string[]) => {
    const credentials = await place.certificate(name)
    const args = ['--descriptors', DESCRIPTORS, '--okapi', url, '--credentials', credentials]
    return discovery(...args, ...more)
  }
  const applied = await as('operator/anna', '--apply', '--verify')
  t.is(applied.code, 0, applied.err + applied.out)
  t.true(okapi.instances.length >= MODULES.length)
  okapi.instances.splice(0)
  t.is((await as('operator/ben')).code, 0)
  const reader = await as('operator/ben', '--apply')
  t.is(reader.code, 2)
  t.true(reader.err.includes('admin-route'), reader.err)
  t.is((await as('operator/carl')).code, 2)
  t.deepEqual(okapi.instances, [])
  t.is((await discovery('--descriptors', DESCRIPTORS, '--okapi', url)).code, 2)
})

test('the server at --okapi must prove to be Okapi', async (t) => {
  const okapi = await Discovery.open(t)
  const place = await Place.make()
  const other = await Place.make()
  t.teardown(() => Promise.all([place.close(), other.close()]))
  const ingress = { listen: '127.0.0.1:0', forward: okapi.url }
  const rogue = await place.sidecar(ID.users, { ingress })
  t.teardown(() => rogue.stop())
  const url = `https://127.0.0.1:${rogue.port('ingress')}`
  const args = ['--descriptors', DESCRIPTORS, '--okapi', url, '--apply', '--credentials']
  const wrong = await discovery(...args, await place.certificate('operator/anna'))
  t.is(wrong.code, 2)
  t.true(wrong.err.includes('the peer proved to be mod-users-19.7.0'), wrong.err)
  const foreign = await discovery(...args, await other.certificate('operator/anna'))
  t.is(foreign.code, 2)
  t.deepEqual(okapi.calls, [])
})

for (const [why, args] of [
  ['no descriptors', []],
  ['apply without Okapi', ['--descriptors', DESCRIPTORS, '--apply']],
  ['replace alone', ['--descriptors', DESCRIPTORS, '--okapi', 'http://127.0.0.1:1', '--replace']],
  ['plain HTTP beyond loopback', ['--descriptors', DESCRIPTORS, '--okapi', 'http://okapi:9130']],
  ['a path', ['--descriptors', DESCRIPTORS, '--okapi', 'http://127.0.0.1:1/x']],
  ['another scheme', ['--descriptors', DESCRIPTORS, '--okapi', 'ftp://127.0.0.1:1']],
  ['TLS without credentials', ['--descriptors', DESCRIPTORS, '--okapi', 'https://127.0.0.1:1']],
  ['a range that is none', ['--descriptors', DESCRIPTORS, '--modules-listen', '127.0.0.1:9-1']],
  ['a range too small', ['--descriptors', DESCRIPTORS, '--modules-listen', '127.0.0.1:20000']],
  ['nothing listens there', ['--descriptors', DESCRIPTORS, '--okapi', 'http://127.0.0.1:1']],
] as const) {
  test(`wrong usage is 2: ${why}`, async (t) => {
    const { code, err } = await discovery(...args)
    t.is(code, 2, err)
    t.true(err.startsWith('okapi-sidecar: error: '), err)
  })
}
