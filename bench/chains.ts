import { setTimeout as pause } from 'node:timers/promises'
import { caddy } from './candidates/caddy.ts'
import type { Chain } from './candidates/candidate.ts'
import { envoy } from './candidates/envoy.ts'
import { haproxy } from './candidates/haproxy.ts'
import { nginx } from './candidates/nginx.ts'
import { okapiSidecar, type Variant } from './candidates/okapi-sidecar.ts'
import { largest, pair } from './measure/rounds.ts'
import type { Options } from './options.ts'
import type { Idle } from './report/rows.ts'
import type { Site } from './site/site.ts'
import { skipped } from './tools.ts'

const openers: Readonly<Record<string, (site: Site, name: string) => Promise<Chain>>> = {
  'okapi-sidecar': okapiSidecar,
  'okapi-sidecar-http1': (site, name) => okapiSidecar(site, name, { link: false }),
  nginx,
  haproxy,
  caddy,
  envoy,
  'envoy-http1': (site, name) => envoy(site, name, { http2: false }),
}

/** Until what a start leaves behind has calmed down. */
const IDLE_AFTER_MS = 1500

/** The candidates of a run, all of them up, none of them busy. */
export class Chains {
  readonly #open: Chain[] = []

  get all(): readonly Chain[] {
    return this.#open
  }

  /** Starts what the options name and the machine has. */
  async start(site: Site, options: Options): Promise<void> {
    const missing = skipped(options.candidates, site.tools)
    for (const name of options.candidates) {
      if (!missing.has(name)) await this.add(() => openers[name]!(site, name))
    }
    const variants: [string, Variant][] = [
      ...[...options.checkouts].map(([name, checkout]): [string, Variant] => [name, { checkout }]),
      ...[...options.nodes].map(([name, node]): [string, Variant] => [name, { node }]),
    ]
    for (const [name, variant] of variants) {
      await this.add(() => okapiSidecar(site, name, variant))
      if (!options.candidates.includes('okapi-sidecar-http1')) continue
      await this.add(() => okapiSidecar(site, `${name}-http1`, { ...variant, link: false }))
    }
  }

  async add(open: () => Promise<Chain>): Promise<Chain> {
    const chain = await open()
    this.#open.push(chain)
    return chain
  }

  /** What each costs before anybody has called. */
  async idle(): Promise<Map<string, Idle>> {
    await pause(IDLE_AFTER_MS)
    return new Map(
      this.#open.map((chain) => {
        const readyMs = pair(chain).map((process) => process.readyMs)
        return [chain.candidate, { readyMs, ...largest(pair(chain)) }]
      }),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#open.flatMap(pair).map((process) => process.stop()))
    this.#open.length = 0
  }
}
