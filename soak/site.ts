import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../src/demo/child.ts'
import { makeCa, moduleNames, type TestCa } from '../test/support/pki.ts'
import { descriptorsIn, filesOf, mountSecret, OKAPI, USERS } from '../test/support/rotation.ts'
import { Sidecar } from './sidecar.ts'

/** Two sidecars, what they protect, and where everything lies. */
export interface Site {
  readonly sidecars: readonly Sidecar[]
  /** From the module to Okapi, and from Okapi to the module; plain, on loopback. */
  readonly urls: readonly URL[]
  readonly descriptors: string
  /** Gives both sidecars new certificates. */
  rotate(): Promise<void>
  close(): Promise<void>
}

/** Starts the sidecars of a module and of Okapi, with so many threads each, and a server behind them. */
export async function openSite(workers: number): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), 'okapi-sidecar-soak-'))
  const descriptors = descriptorsIn(directory)
  const ca = await makeCa(undefined, 'soak')
  const backend = await echo()
  const forward = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
  const rotate = async () => {
    for (const id of [USERS, OKAPI]) await certify(ca, directory, id)
  }
  await rotate()
  const [usersPort, okapiPort] = await freePorts(2)
  const start = (id: string, sections: Readonly<Record<string, unknown>>) => {
    const file = join(directory, `${id}.json`)
    const configuration = {
      module: id,
      trustDomain: 'folio.test',
      credentials: { directory: join(directory, id) },
      policy: { descriptors, withoutToken: 'any' },
      admin: { listen: '127.0.0.1:0' },
      status: { listen: '127.0.0.1:0' },
      workers,
      ...sections,
    }
    writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
    return Sidecar.start(id, file)
  }
  const users = await start(USERS, {
    ingress: { listen: `127.0.0.1:${usersPort}`, forward },
    egress: { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${okapiPort}` },
  })
  const address = { [USERS]: `https://127.0.0.1:${usersPort}` }
  const okapi = await start(OKAPI, {
    ingress: { listen: `127.0.0.1:${okapiPort}`, forward },
    egress: { modules: { listen: '127.0.0.1:0', address } },
  })
  return {
    sidecars: [users, okapi],
    urls: [
      new URL(`http://127.0.0.1:${users.port('egress')}/users`),
      new URL(`http://127.0.0.1:${okapi.port('modules')}/${USERS}/users`),
    ],
    descriptors,
    rotate,
    close: async () => {
      backend.close().closeAllConnections()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function certify(ca: TestCa, directory: string, id: string): Promise<void> {
  const leaf = await ca.issue({ ...moduleNames(id), ip: ['127.0.0.1'] })
  const folder = join(directory, id)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  mountSecret(folder, filesOf(leaf, [ca], []))
}

/** Gives back what it is sent; to a request without a body it says `ok`. */
async function echo(): Promise<Server> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { 'content-length': length } = request.headers
    response.setHeader('Content-Length', length ?? 2)
    if (length === undefined) response.end('ok')
    else request.pipe(response)
    // Callers go away in the middle here.
    request.on('error', () => response.destroy())
    response.on('error', () => request.destroy())
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return server
}
