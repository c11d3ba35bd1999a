import { existsSync } from 'node:fs'
import { lstat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { dirname } from 'node:path'
import { errorCode, Fault, fault } from '../fault.ts'
import { type Address, boundAddress, formatAddress } from './address.ts'

// Connections that wait while the event loop is busy; the kernel cuts it to net.core.somaxconn.
export const BACKLOG = 1024

/** Several threads listen on one port (SO_REUSEPORT): is this the first of them? */
export type SharedPort = 'first' | 'further'

/**
 * Makes a server listen and resolves with what it is bound to. Throws a Fault when the address
 * cannot be bound. A Unix socket that nothing answers on was left by a killed process: it is
 * removed.
 */
export async function bind(
  server: Server,
  address: Address,
  shared?: SharedPort,
): Promise<Address> {
  try {
    if (shared === 'first') await nobodyThere(address)
    await listenEverywhere(server, address, shared !== undefined)
  } catch (error) {
    if (!('path' in address) || !(await isLeftOver(address.path, error))) {
      throw bindFault(address, error)
    }
    await unlink(address.path)
    await listen(server, address).catch((again: unknown) => {
      throw bindFault(address, again)
    })
  }
  return boundAddress(server)
}

/** Did `bind` fail because another process, or another server, uses the address? */
export function isInUse(error: unknown): boolean {
  return error instanceof Fault && errorCode(error.cause) === 'EADDRINUSE'
}

/**
 * Every process of the same user can join a shared port: another sidecar with the same port would
 * get a part of the connections, unnoticed. So it must first be bound exclusively.
 */
async function nobodyThere(address: Address): Promise<void> {
  if (!('host' in address) || address.port === 0) return
  const alone = createServer()
  await listenEverywhere(alone, address, false)
  await new Promise((resolve) => alone.close(resolve))
}

/** `0.0.0.0` is meant as every address, of both families; a machine without IPv6 has one. */
async function listenEverywhere(
  server: Server,
  address: Address,
  reusePort: boolean,
): Promise<void> {
  if (!('host' in address) || address.host !== '0.0.0.0') return listen(server, address, reusePort)
  try {
    await listen(server, { host: '::', port: address.port }, reusePort)
  } catch (error) {
    if (!NO_IPV6.has(errorCode(error) ?? '')) throw error
    await listen(server, address, reusePort)
  }
}

const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])

function listen(server: Server, address: Address, reusePort = false): Promise<void> {
  return new Promise((resolve, reject) => {
    const onListening = () => {
      server.off('error', onError)
      resolve()
    }
    const onError = (error: Error) => {
      server.off('listening', onListening)
      reject(error)
    }
    server.once('listening', onListening)
    server.once('error', onError)
    server.listen({ ...address, backlog: BACKLOG, ...(reusePort && { reusePort }) })
  })
}

/**
 * A socket file without a process. A plain file refuses connections too, so its type is checked
 * first.
 */
async function isLeftOver(path: string, error: unknown): Promise<boolean> {
  if (errorCode(error) !== 'EADDRINUSE') return false
  const found = await lstat(path).catch(() => undefined)
  if (found?.isSocket() !== true) return false
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.once('error', (refused) => resolve(errorCode(refused) === 'ECONNREFUSED'))
  })
}

function bindFault(address: Address, error: unknown): unknown {
  const code = errorCode(error)
  if (code === undefined) return error
  const at = `cannot listen on ${formatAddress(address)}`
  // libuv makes EACCES of a missing folder's ENOENT (uv_pipe_bind2, as on Windows).
  if ('path' in address && !existsSync(dirname(address.path))) {
    return fault(`${at}: its folder does not exist`, { hint: 'create the folder first' })
  }
  switch (code) {
    case 'EADDRINUSE':
      return new Fault(
        {
          severity: 'error',
          message: `${at}: it is in use`,
          hint: 'stop what listens there (`ss -ltnp` names it), or choose another address',
        },
        { cause: error },
      )
    case 'EACCES':
    case 'EPERM':
      return fault(`${at}: permission denied`, {
        hint: 'ports below 1024 need a privilege, Unix sockets a folder that may be written',
      })
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fault(`${at}: no such address here`, {
        hint: 'use an address of this machine, or 0.0.0.0 for all of them',
      })
    default:
      return fault(`${at}: ${code}`)
  }
}
