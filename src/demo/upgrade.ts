import { execFile } from 'node:child_process'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MAIN } from './child.ts'
import { MODULES } from './members.ts'

/** An upgrade, and what `policy diff` says about it. */
export interface Upgrade {
  readonly from: string
  readonly to: string
  /** The new route. */
  readonly route: string
  /** The command as typed in the cluster's folder. */
  readonly command: string
  /** The output. */
  readonly said: string
  /** The exit code was 1, and the output names the route. */
  readonly named: boolean
}

const TO = 'mod-users-19.8.0'
const ROUTE = { methods: ['PUT'], pathPattern: '/users/{id}' }
const DIFF = ['policy', 'diff', 'descriptors', 'descriptors.next']

/**
 * Writes the descriptors as after an upgrade of mod-users with one more route, and asks `policy diff`
 * what that opens. No running process is affected. `directory` contains `descriptors`.
 */
export async function upgrade(directory: string, signal: AbortSignal): Promise<Upgrade> {
  const next = join(directory, 'descriptors.next')
  await cp(join(directory, 'descriptors'), next, { recursive: true })
  const old = join(next, `${MODULES.users}.json`)
  const descriptor = JSON.parse(await readFile(old, 'utf8'))
  await rm(old)
  const [users] = descriptor.provides
  users.version = '16.6'
  users.handlers.push(ROUTE)
  await writeFile(join(next, `${TO}.json`), JSON.stringify({ ...descriptor, id: TO }, null, 2), {
    mode: 0o600,
  })
  const { code, said } = await typed(DIFF, directory, signal)
  const route = `${ROUTE.methods} ${ROUTE.pathPattern}`
  return {
    from: MODULES.users,
    to: TO,
    route,
    command: ['okapi-sidecar', ...DIFF].join(' '),
    said,
    named: code === 1 && said.includes(`+ ${route}\n`),
  }
}

function typed(argv: readonly string[], cwd: string, signal: AbortSignal) {
  return new Promise<{ code: unknown; said: string }>((resolve) => {
    const { NODE_OPTIONS: _, ...env } = process.env
    execFile(process.execPath, [MAIN, ...argv], { cwd, signal, env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : error.code, said: out || err })
    })
  })
}
