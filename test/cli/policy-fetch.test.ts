import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { folder, policy, SET } from '../support/policy-verb.ts'
import { ID, Place } from '../support/scenario.ts'

const ENABLED = [ID.users, ID.notes, ID.tags]

/** Okapi's registry as its API has it, on loopback. */
class Registry {
  ids: readonly unknown[] = ENABLED.map((id) => ({ id }))
  status = 200
  readonly bodies = new Map<string, string>()
  readonly asked: string[] = []
  readonly tokens: unknown[] = []
  url = ''

  static async open(t: ExecutionContext): Promise<Registry> {
    const registry = new Registry()
    const server = createServer(async ({ url = '', headers }, response) => {
      registry.asked.push(url)
      registry.tokens.push(headers['x-okapi-token'])
      const [status, text] = await registry.#answer(url)
      response.writeHead(status, { 'Content-Type': 'application/json' })
      response.end(text)
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    registry.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return registry
  }

  async #answer(url: string): Promise<[number, string]> {
    if (url === '/_/proxy/tenants/diku/modules') return [this.status, JSON.stringify(this.ids)]
    const [, id = ''] = /^\/_\/proxy\/modules\/([^/]+)$/.exec(url) ?? []
    const body = this.bodies.get(id)
    if (body !== undefined) return [200, body]
    const text = await readFile(join(SET, `${id}.json`), 'utf8').catch(() => undefined)
    return text === undefined ? [404, 'none'] : [200, text]
  }
}

const fetchTo = (out: string, okapi: string, ...more: string[]) =>
  policy(['fetch', '--okapi', okapi, '--tenant', 'diku', '--out', out, ...more])

test('saves what is enabled, in a folder that policy reads; again replaces it', async (t) => {
  const okapi = await Registry.open(t)
  const place = await folder(t)
  const out = join(place, 'descriptors')
  const first = await fetchTo(out, okapi.url)
  t.is(first.code, 0, first.stderr)
  t.regex(first.stdout, /3 modules of tenant diku, 3 new, 0 gone/)
  t.is(first.stderr, '', 'no progress where there is no terminal')
  t.deepEqual((await readdir(out)).sort(), ENABLED.map((id) => `${id}.json`).sort())
  t.is((await policy(['matrix', '--descriptors', out])).code, 0)
  okapi.ids = [{ id: ID.users }, { id: ID.login }]
  const second = await fetchTo(out, okapi.url)
  t.regex(second.stdout, /2 modules of tenant diku, 1 new, 2 gone/)
  t.deepEqual((await readdir(out)).sort(), [`${ID.login}.json`, `${ID.users}.json`])
  t.deepEqual(await readdir(place), ['descriptors'], 'nothing is left beside it')
})

test('--keep: the version that is about to be installed stays', async (t) => {
  const okapi = await Registry.open(t)
  const out = join(await folder(t), 'descriptors')
  await fetchTo(out, okapi.url)
  const next = JSON.stringify({ id: 'mod-users-19.8.0' })
  await writeFile(join(out, 'mod-users-19.8.0.json'), next)
  const kept = await fetchTo(out, okapi.url, '--keep')
  t.regex(
    kept.stdout,
    /3 modules of tenant diku, 0 new, 1 kept\n {4}kept, not enabled: mod-users-19\.8/,
  )
  t.is(await readFile(join(out, 'mod-users-19.8.0.json'), 'utf8'), next)
  const dropped = await fetchTo(out, okapi.url)
  t.regex(dropped.stdout, /0 new, 1 gone\n {4}gone: mod-users-19\.8\.0\.json\n/)
  t.is((await readdir(out)).length, ENABLED.length)
})

test('whatever Okapi answers instead: the old folder stays, and nothing beside it', async (t) => {
  const okapi = await Registry.open(t)
  const place = await folder(t)
  const out = join(place, 'descriptors')
  await fetchTo(out, okapi.url)
  const before = await readdir(out)
  const refused = async (says: RegExp) => {
    const { code, stderr, stdout } = await fetchTo(out, okapi.url)
    t.is(code, 2)
    t.is(stdout, '')
    t.regex(stderr, says)
    t.deepEqual(await readdir(out), before)
    t.deepEqual(await readdir(place), ['descriptors'])
  }
  for (const id of ['../evil-1.0.0', '.hidden-1.0.0', 'a/b-1.0.0', '']) {
    okapi.ids = [{ id }]
    await refused(/Okapi names a module/)
  }
  okapi.ids = ['mod-users-19.7.0']
  await refused(/did not answer with a list of modules/)
  okapi.ids = []
  await refused(/nothing is enabled/)
  okapi.ids = [{ id: ID.users }, { id: 'mod-gone-1.0.0' }]
  await refused(/mod-gone-1\.0\.0: 404/)
  okapi.ids = [{ id: ID.users }]
  okapi.bodies.set(ID.users, '{')
  await refused(/did not answer with JSON/)
  okapi.bodies.set(ID.users, JSON.stringify({ id: ID.notes }))
  await refused(/asked for mod-users-19\.7\.0 and answered mod-notes-8\.1\.0/)
  okapi.bodies.set(ID.users, JSON.stringify({ id: ID.users, provides: {} }))
  await refused(/#\/provides: must be a list/)
  okapi.status = 403
  await refused(/403/)
})

test('a folder with anything else in it is not ours to replace', async (t) => {
  const okapi = await Registry.open(t)
  const out = join(await folder(t), 'mine')
  await mkdir(out)
  await writeFile(join(out, 'notes.txt'), 'mine')
  const { code, stderr } = await fetchTo(out, okapi.url)
  t.is(code, 2)
  t.regex(stderr, /holds notes\.txt, which is not a descriptor/)
  t.deepEqual(await readdir(out), ['notes.txt'])
  const file = await fetchTo(join(out, 'notes.txt'), okapi.url)
  t.regex(file.stderr, /is a file/)
})

test('a token goes along', async (t) => {
  const okapi = await Registry.open(t)
  const place = await folder(t)
  await writeFile(join(place, 'token'), 'a.b.c\n')
  await fetchTo(join(place, 'out'), okapi.url, '--token-file', join(place, 'token'))
  t.deepEqual(new Set(okapi.tokens), new Set(['a.b.c']))
})

test('over mutual TLS: an operator with a grant, through Okapi’s sidecar', async (t) => {
  const okapi = await Registry.open(t)
  const place = await Place.make()
  t.teardown(() => place.close())
  const grants = [{ caller: 'operator/anna', at: 'okapi', admin: ['read'], why: 'fetches' }]
  const sidecar = await place.sidecar(ID.okapi, {
    ingress: { listen: '127.0.0.1:0', forward: okapi.url },
    policy: { grants },
  })
  t.teardown(() => sidecar.stop())
  const url = `https://127.0.0.1:${sidecar.port('ingress')}`
  const as = async (name: string) => {
    const out = join(place.directory, `by-${name.replace('/', '-')}`)
    return { out, ...(await fetchTo(out, url, '--credentials', await place.certificate(name))) }
  }
  const anna = await as('operator/anna')
  t.is(anna.code, 0, anna.stderr)
  t.is((await readdir(anna.out)).length, ENABLED.length)
  const ben = await as('operator/ben')
  t.is(ben.code, 2)
  t.regex(ben.stderr, /403/)
  await t.throwsAsync(() => readdir(ben.out))
  // The server must be Okapi: a module with a good certificate is not.
  const module = await place.sidecar(ID.users, {
    ingress: { listen: '127.0.0.1:0', forward: okapi.url },
  })
  t.teardown(() => module.stop())
  const out = join(place.directory, 'wrong')
  const credentials = await place.certificate('operator/anna')
  const asked = okapi.asked.length
  const wrong = await fetchTo(
    out,
    `https://127.0.0.1:${module.port('ingress')}`,
    '--credentials',
    credentials,
  )
  t.is(wrong.code, 2)
  t.regex(wrong.stderr, /proved to be mod-users-19\.7\.0/)
  t.is(okapi.asked.length, asked)
})

test('policy fetch: wrong usage', async (t) => {
  const full = ['fetch', '--okapi', 'https://okapi:8443', '--tenant', 'diku', '--out', 'x']
  const wrong: (readonly [string[], RegExp])[] = [
    [full.filter((word) => word !== '--okapi' && !word.startsWith('https')), /--okapi is missing/],
    [full.slice(0, 3), /--tenant is missing/],
    [full.slice(0, 5), /--out is missing/],
    [full, /needs --credentials DIR/],
    [['fetch', '--okapi', 'http://okapi:9130', '--tenant', 'd', '--out', 'x'], /not loopback/],
    [['fetch', '--okapi', 'okapi', '--tenant', 'd', '--out', 'x'], /must be https/],
  ]
  for (const [argv, says] of wrong) {
    const { stderr, stdout, code } = await policy(argv)
    t.is(code, 2, argv.join(' '))
    t.regex(stderr, says)
    t.is(stdout, '')
  }
})
