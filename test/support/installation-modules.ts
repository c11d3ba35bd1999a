import { createServer, type IncomingMessage, type Server } from 'node:http'
import { request } from 'undici'

/** What a module answers; null: it has no such route. */
type Answer = { status: number; json?: unknown; headers?: Record<string, string> } | null

interface Call {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly tenant: string
  readonly headers: IncomingMessage['headers']
  readonly json: Record<string, unknown>
}

/**
 * What mod-permissions, mod-users and mod-login do when users log in, over their own ports, with the calls
 * to each other that the real ones make. They keep their data in memory, for each tenant apart.
 */
export class InstallationModules {
  readonly #servers: Server[] = []
  readonly #data = new Map<string, Map<string, Record<string, unknown>>>()

  /** Starts the module of this product at its port. */
  async start(product: string, port: number): Promise<void> {
    const route = ROUTES[product]
    if (route === undefined) throw new Error(`no stand-in for ${product}`)
    const server = createServer(async (incoming, response) => {
      const parts: Buffer[] = []
      for await (const part of incoming) parts.push(part as Buffer)
      const text = Buffer.concat(parts).toString('utf8')
      const url = new URL(incoming.url ?? '/', 'http://module')
      const tenant = String(incoming.headers['x-okapi-tenant'] ?? '')
      const { method = '', headers } = incoming
      const json = text === '' ? {} : JSON.parse(text)
      const call = { method, path: url.pathname, query: url.searchParams, tenant, headers, json }
      const ours = method === 'POST' && url.pathname === '/_/tenant'
      const answer = ours ? { status: 201, json: {} } : await route(this, call)
      const { status, json: body, headers: more = {} } = answer ?? { status: 404, json: 'no route' }
      response.writeHead(status, { 'Content-Type': 'application/json', ...more })
      response.end(body === undefined ? undefined : JSON.stringify(body))
    })
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    this.#servers.push(server)
  }

  /** What a module keeps for a tenant, by id. */
  store(what: string, tenant: string): Map<string, Record<string, unknown>> {
    const key = `${what} ${tenant}`
    const known = this.#data.get(key) ?? new Map()
    this.#data.set(key, known)
    return known
  }

  stop(): void {
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
  }
}

type Route = (all: InstallationModules, call: Call) => Promise<Answer> | Answer

const ROUTES: Readonly<Record<string, Route>> = {
  'mod-permissions': (all, { method, path, tenant, json }) => {
    const users = all.store('perms', tenant)
    if (method === 'POST' && path === '/perms/users') {
      users.set(String(json['userId']), json)
      return { status: 201, json }
    }
    const [, id] = /^\/perms\/users\/([^/]+)\/permissions$/.exec(path) ?? []
    if (id !== undefined) {
      const user = users.get(id)
      if (user === undefined) return { status: 404, json: 'no such user' }
      return { status: 200, json: { permissionNames: user['permissions'], totalRecords: 1 } }
    }
    if (path === '/perms/permissions') return { status: 200, json: { permissions: [] } }
    return null
  },
  'mod-users': (all, { method, path, query, tenant, json }) => {
    const users = all.store('users', tenant)
    if (method === 'POST' && path === '/users') {
      users.set(String(json['id']), json)
      return { status: 201, json }
    }
    if (path === '/user-tenants') return { status: 200, json: { userTenants: [] } }
    if (path === '/users') {
      const name = /username==(\w+)/.exec(query.get('query') ?? '')?.[1]
      const found = [...users.values()].filter(
        ({ username }) => name === undefined || username === name,
      )
      return { status: 200, json: { users: found, totalRecords: found.length } }
    }
    const user = users.get(path.slice('/users/'.length))
    return user === undefined
      ? { status: 404, json: 'User not found' }
      : { status: 200, json: user }
  },
  'mod-login': async (all, call) => {
    const { method, path, tenant, json } = call
    const credentials = all.store('login', tenant)
    if (method !== 'POST') return null
    if (path === '/authn/credentials') {
      credentials.set(String(json['username']), json)
      return { status: 201 }
    }
    return path === '/authn/login' ? login(credentials, call) : null
  },
}

/** LoginAPI.postAuthnLogin: user-tenants, the user, the settings of login attempts, then a token. */
async function login(
  credentials: ReadonlyMap<string, Record<string, unknown>>,
  { json, tenant, headers }: Call,
): Promise<Answer> {
  const okapi = String(headers['x-okapi-url'])
  const sent = {
    'X-Okapi-Tenant': tenant,
    'X-Okapi-Token': String(headers['x-okapi-token']),
    'Content-Type': 'application/json',
  }
  const name = String(json['username'])
  const ask = async (path: string, body?: object) => {
    const answer = await request(`${okapi}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: sent,
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, text }
  }
  const tenants = await ask(`/user-tenants?username=${name}`)
  if (tenants.status !== 200) return { status: 500, json: `user-tenants: ${tenants.status}` }
  const found = await ask(`/users?query=username==${name}`)
  if (found.status !== 200) return { status: 500, json: `users: ${found.status} ${found.text}` }
  const [user] = JSON.parse(found.text).users
  if (user === undefined || credentials.get(name)?.['password'] !== json['password']) {
    return { status: 422, json: 'Password does not match' }
  }
  // Nothing provides it: 404 is "no setting", anything else is a fault.
  const settings = await ask('/configurations/entries?query=code==login.fail.attempts')
  if (settings.status !== 404) return { status: 500, json: `configurations: ${settings.status}` }
  const signed = await ask('/token/sign', { payload: { sub: name, user_id: user.id } })
  if (signed.status !== 201) return { status: 500, json: `token: ${signed.status} ${signed.text}` }
  const { accessToken } = JSON.parse(signed.text)
  return { status: 201, json: { username: name }, headers: { 'X-Okapi-Token': accessToken } }
}
