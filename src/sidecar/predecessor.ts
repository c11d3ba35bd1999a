import type { Config } from '../config/config.ts'
import type { Logger } from '../observe/log.ts'
import { request } from '../observe/node-http.ts'
import { type Address, formatAddress } from '../transport/address.ts'
import type { Predecessor } from '../transport/predecessor.ts'

/** How long an answer is used, because it is needed for every address repeatedly. */
const BELIEVED_MS = 200
const ANSWER_MS = 1000
const MOST_BYTES = 64 * 1024

/**
 * A sidecar of the same module that is shutting down and still has our addresses. It is asked at
 * our own admin address. Another process there could give the same answer: then we would wait for
 * an address that it has, instead of failing at once.
 */
export class StoppingSidecar implements Predecessor {
  readonly #moduleId: string
  readonly #admin: Address
  readonly #log: Logger
  readonly #told = new Set<string>()
  #asked: Promise<boolean> | undefined
  #askedAt = 0

  constructor({ module, admin }: Config, log: Logger) {
    this.#moduleId = module.id
    this.#admin = admin.listen
    this.#log = log
  }

  async givesUp(address: Address): Promise<boolean> {
    // If the system chooses the port, no process can have it already.
    if ('port' in this.#admin && this.#admin.port === 0) return false
    if (this.#asked === undefined || performance.now() - this.#askedAt > BELIEVED_MS) {
      this.#askedAt = performance.now()
      this.#asked = this.#ask()
    }
    const stopping = await this.#asked
    const name = formatAddress(address)
    if (stopping && !this.#told.has(name)) {
      this.#told.add(name)
      this.#log.warn({ address: name }, 'waits for the sidecar that is shutting down')
    }
    return stopping
  }

  async #ask(): Promise<boolean> {
    try {
      const said: unknown = JSON.parse(await pageOf(this.#admin))
      if (typeof said !== 'object' || said === null) return false
      const { draining, module } = said as Record<string, unknown>
      return draining === true && module === this.#moduleId
    } catch {
      return false
    }
  }
}

/** What `/ready` says at this address. */
function pageOf(admin: Address): Promise<string> {
  const where =
    'path' in admin ? { socketPath: admin.path } : { host: reachable(admin.host), port: admin.port }
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const asked = request({ ...where, path: '/ready', agent: false, signal }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
        if (text.length > MOST_BYTES) asked.destroy(new Error('too long'))
      })
      response.on('end', () => resolve(text))
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** Every address of this machine includes these. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
