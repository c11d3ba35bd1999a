import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fault } from '../src/fault.ts'

/** Programs from outside: where each is. */
export interface Tools {
  readonly nginx: string
  readonly wrk: string
  readonly openssl: string
  /** Measured only where it is there. */
  readonly haproxy: string | undefined
  readonly caddy: string | undefined
}

/** The Debian package that brings each of them. */
const PACKAGES = {
  nginx: 'nginx-light',
  wrk: 'wrk',
  openssl: 'openssl',
  taskset: 'util-linux',
} as const
type Needed = keyof typeof PACKAGES

/** Finds what the run needs. Throws a Fault that says how to get what is missing. */
export function findTools(): Tools {
  const missing: Needed[] = []
  const needed = (name: Needed): string => {
    const path = locate(name)
    if (path === undefined) missing.push(name)
    return path ?? ''
  }
  const tools = {
    nginx: needed('nginx'),
    wrk: needed('wrk'),
    openssl: needed('openssl'),
    haproxy: locate('haproxy'),
    caddy: locate('caddy'),
  }
  needed('taskset')
  if (missing.length === 0) return tools
  const packages = missing.map((name) => PACKAGES[name]).join(' ')
  throw fault(`not installed: ${missing.join(', ')}`, {
    hint: `apt-get install --no-install-recommends ${packages} haproxy caddy`,
  })
}

/** The first line of what a program says about its version. */
export function versionOf(path: string, flag: string): string {
  const { stdout, stderr } = spawnSync(path, [flag], { encoding: 'utf8' })
  return `${stdout}${stderr}`.split('\n')[0] ?? ''
}

/** Where a program is; Debian keeps daemons where the PATH of an ordinary user does not look. */
export function locate(name: string, first: readonly string[] = []): string | undefined {
  const { PATH = '' } = process.env
  const places = [...first, ...PATH.split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return places
    .filter(Boolean)
    .map((place) => join(place, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
