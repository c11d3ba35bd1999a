import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { MAIN } from '../test/support/program.ts'
import { answers, metric, statusOf } from './asking.ts'
import { CLERK, OKAPI, TENANTS } from './call.ts'
import type { Certificates } from './certificates.ts'
import type { Machine } from './machine.ts'
import type { Mode } from './mode.ts'
import { Program } from './program.ts'

const OPENSSL_CONF = new URL('../openssl.cnf', import.meta.url).pathname
/** As in the image: without them Node uses tens of MB more. */
const NODE_FLAGS = ['--expose-gc', '--max-semi-space-size=1']

/** Times are short, so that what is given up is given up within a run. */
const LIMITS = {
  ...{ connectMs: 5000, connectWaitMs: 15_000 },
  ...{ responseHeadMs: 30_000, responseIdleMs: 15_000, bodyIdleMs: 15_000 },
  ...{ calleeReadIdleMs: 15_000, callerReadIdleMs: 15_000, halfCloseMs: 5000 },
  ...{ idleMs: 8000, drainTimeoutMs: 15_000 },
}
/** A folder is read again every 30 s where a change was not noticed; a sidecar may just be starting. */
const ADOPT_MS = 180_000

/** What the sidecars of a site are made of. */
export interface Making {
  readonly directory: string
  readonly descriptors: string
  readonly machine: Machine
  readonly certificates: Certificates
  readonly mode: Mode
  /** A port that is free. */
  port(): number
}

/** The sidecars of a site, and what they say of themselves. */
export class Sidecars {
  readonly all: Program[] = []
  readonly #making: Making
  readonly #ports = new Map<Program, { admin: number; status: number }>()

  constructor(making: Making) {
    this.#making = making
  }

  /** One that is not started yet. `main`: the program, where it is not this checkout's. */
  async make(
    id: string,
    short: string,
    sections: Readonly<Record<string, unknown>>,
    main = MAIN,
  ): Promise<Program> {
    const { directory, descriptors, machine, certificates, mode, port } = this.#making
    const name = `${short}'s sidecar`
    const credentials = join(directory, `${short}-certs`)
    mkdirSync(credentials, { mode: 0o700 })
    await certificates.add(name, id, credentials)
    const [admin, status] = [port(), port()]
    const configuration = {
      module: id,
      trustDomain: 'folio.test',
      credentials: { directory: credentials },
      policy: {
        descriptors,
        withoutToken: 'any',
        caller: 'enforce',
        tenantsOf: [{ caller: CLERK, tenants: TENANTS, why: 'chaos' }],
        // It sees them all; what is not known is refused from the start on.
        ...(id === OKAPI && { tokens: 'enforce', tokenGraceMs: 0 }),
      },
      link: mode.link,
      workers: mode.workers,
      admin: { listen: `127.0.0.1:${admin}` },
      status: { listen: `127.0.0.1:${status}` },
      log: { access: process.env['CHAOS_ACCESS'] === '1' },
      limits: LIMITS,
      ...sections,
    }
    const file = join(directory, `${short}.json`)
    writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
    const program = new Program({
      name,
      args: [...NODE_FLAGS, main, 'run', '-c', file],
      env: { OPENSSL_CONF, ...machine.clockOf(name) },
      log: join(machine.logs, `${short}.log`),
      ready: () => answers(`http://127.0.0.1:${admin}/ready`),
    })
    this.all.push(program)
    this.#ports.set(program, { admin, status })
    return program
  }

  /** A figure of a sidecar's metrics, NaN where there is none. */
  metric(sidecar: Program, series: string): Promise<number> {
    return metric(this.#ports.get(sidecar)!.admin, series)
  }

  /** Resolves when each uses the certificates, roots and lists that were written for it. */
  adopted(): Promise<void> {
    const { certificates } = this.#making
    return this.#each('its new certificates', async (sidecar) => {
      const status = await statusOf(this.#ports.get(sidecar)!.status)
      return status !== undefined && certificates.isIn(sidecar.name, status)
    })
  }

  /** Resolves when none has a connection that is older than its certificates. */
  renewedConnections(): Promise<void> {
    return this.#each(
      'the end of its older connections',
      async (sidecar) => (await this.metric(sidecar, 'sidecar_connections_stale')) === 0,
    )
  }

  async #each(what: string, is: (sidecar: Program) => Promise<boolean>): Promise<void> {
    const end = performance.now() + ADOPT_MS
    await Promise.all(
      this.all.map(async (sidecar) => {
        while (!(await is(sidecar))) {
          if (performance.now() > end) {
            throw new Error(`waited ${ADOPT_MS / 1000} s in vain for ${sidecar.name}: ${what}`)
          }
          await pause(200)
        }
      }),
    )
  }
}
