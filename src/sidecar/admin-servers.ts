import type { Server } from 'node:http'
import type { Config } from '../config/config.ts'
import { Fault } from '../fault.ts'
import { appHealth } from '../observe/app-health.ts'
import { adminServer } from '../observe/health.ts'
import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { statusServer } from '../observe/status/server.ts'
import { type Address, formatAddress } from '../transport/address.ts'
import { ConnectionSlots } from '../transport/connection-slots.ts'
import { Descriptors } from '../transport/descriptors.ts'
import { NameResolver } from '../transport/name-resolver.ts'
import { take } from '../transport/predecessor.ts'
import { StoppingSidecar } from './predecessor.ts'
import { type StatusSources, statusFacts } from './status.ts'

const STATUS_PORT = 9902
/** Connections of each of the two that are being answered; as many again may be silent. */
const ANSWERED = 32

/** What can be looked at. */
export interface AdminSources extends StatusSources {
  readonly metrics: Metrics
  readonly log: Logger
}

/** The listeners for monitoring: the admin listener and the status page. Both are read-only. */
export class AdminServers {
  readonly #visible: AdminSources
  readonly #servers: Server[] = []
  readonly #descriptors = new Descriptors()
  readonly #predecessor: StoppingSidecar
  readonly #taken: Promise<void>[] = []
  #closed = false

  constructor(visible: AdminSources) {
    this.#visible = visible
    this.#predecessor = new StoppingSidecar(visible.config, visible.log)
    const { words } = this.#descriptors
    const remark = () => (this.#descriptors.free ? undefined : words)
    visible.readiness.watch('file descriptors', remark)
  }

  /** Resolves to what it is bound to. Throws a Fault when the address cannot be bound. */
  async admin(): Promise<string> {
    const { config, readiness, metrics, threads } = this.#visible
    const { ingress, admin } = config
    const { lookup } = new NameResolver(() => performance.now())
    const app = ingress && appHealth({ ...ingress, healthPath: admin.healthPath, lookup })
    const server = adminServer({
      module: config.module.id,
      readiness,
      metrics,
      look: async () => threads.look(),
      ...(app && { app }),
    })
    this.#serve(server)
    return this.#take(server, admin.listen)
  }

  /**
   * As `admin`. Two sidecars on one machine have the same default port for the page, which must not
   * prevent the start: undefined then.
   */
  async status(): Promise<string | undefined> {
    const { config, log, threads } = this.#visible
    const { listen } = config.status
    const server = statusServer(async () => {
      await threads.look()
      return statusFacts(this.#visible)
    })
    this.#serve(server)
    try {
      return await this.#take(server, listen)
    } catch (error) {
      if (!(error instanceof Fault) || !isDefault(listen)) throw error
      log.warn({ problem: error.message }, 'no status page')
      return undefined
    }
  }

  /** Resolves when both listen; a Fault when one never will. */
  async listen(): Promise<void> {
    await Promise.all(this.#taken)
  }

  async #take(server: Server, address: Address): Promise<string> {
    const options = { predecessor: this.#predecessor, over: () => this.#closed }
    const { address: bound, taken } = await take(server, address, options)
    this.#taken.push(taken)
    return formatAddress(bound)
  }

  /**
   * A client that only holds connections here could make kubelet restart the pod. So the oldest one
   * that is not being answered is closed for a newer one, and also when file descriptors run out.
   */
  #serve(server: Server): void {
    const { metrics } = this.#visible
    const limits = { connections: ANSWERED, pendingConnections: ANSWERED }
    const evicted = () => metrics.limitHit('pendingConnections')
    const slots = new ConnectionSlots(limits, { evicted }, true)
    server.on('connection', (socket) => {
      slots.add(socket)
      if (!this.#descriptors.freeForProbes) slots.evict()
    })
    server.prependListener('request', ({ socket }, response) => {
      const slot = slots.of(socket)
      slot?.settle()
      response.once('close', () => slot?.rest())
    })
    this.#servers.push(server)
  }

  close(): void {
    this.#closed = true
    for (const server of this.#servers) {
      server.close()
      server.closeAllConnections()
    }
  }
}

function isDefault(listen: Config['status']['listen']): boolean {
  return 'port' in listen && listen.port === STATUS_PORT
}
