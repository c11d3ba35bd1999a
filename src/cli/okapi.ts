import { Client, type Dispatcher } from 'undici'
import { isLoopback } from '../config/addresses.ts'
import { readNamedText } from '../fault/text-file.ts'
import { errorCode, Fault, fault } from '../fault.ts'
import type { Instance, WantedInstance } from './discovery/instances.ts'
import { Operator } from './discovery/operator.ts'
import { printable } from './terminal.ts'

const DISCOVERY = '/_/discovery/modules'
/** Longer than Okapi's sidecar waits for an Okapi that is down (`limits.connectWaitMs`), to get its answer that says so. */
const ANSWER_MS = 45_000
const ANSWER_BYTES = 16 * 1024 * 1024

/** A client of Okapi's discovery. Every method throws a Fault that gives the answer. */
export class Okapi {
  readonly #client: Client
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #operator: Operator | undefined

  private constructor(url: URL, token: string | undefined, operator: Operator | undefined) {
    this.#url = url.origin
    this.#headers = token === undefined ? {} : { 'X-Okapi-Token': token }
    this.#operator = operator
    this.#client = new Client(url.origin, {
      bodyTimeout: ANSWER_MS,
      headersTimeout: ANSWER_MS,
      maxResponseSize: ANSWER_BYTES,
      ...(operator === undefined ? {} : { connect: operator.connector(hostOf(url), portOf(url)) }),
    })
  }

  /**
   * `https:` authenticates with the credentials, and requires the peer to be Okapi's sidecar; `http:`
   * is allowed to loopback only.
   */
  static async at(
    text: string,
    credentials: string | undefined,
    token: string | undefined,
  ): Promise<Okapi> {
    const url = originOf(text)
    if (url.protocol === 'http:') {
      if (credentials !== undefined) throw fault('--credentials is for an https:// Okapi')
      if (!isLoopback({ host: hostOf(url) })) {
        throw fault(`${text} is plain HTTP and not loopback`, {
          hint: "name Okapi's sidecar, https://okapi:8443, with --credentials DIR of an operator",
        })
      }
      return new Okapi(url, token, undefined)
    }
    if (credentials === undefined) {
      throw fault(`${text} needs --credentials DIR`, {
        hint: 'okapi-sidecar certs issue operator/NAME --powerful makes them',
      })
    }
    return new Okapi(url, token, await Operator.from(credentials))
  }

  /** Every instance that Okapi knows. */
  async instances(): Promise<readonly Instance[]> {
    const { status, text } = await this.#ask('GET', DISCOVERY)
    if (status !== 200) throw this.#answered(`GET ${DISCOVERY}`, status, text)
    return instancesIn(text) ?? this.#noList()
  }

  /** Okapi's version; it answers as plain text. */
  async version(): Promise<string> {
    const { status, text } = await this.#ask('GET', '/_/version')
    const version = text.trim()
    if (status !== 200) throw this.#answered('GET /_/version', status, text)
    if (/^[0-9A-Za-z.+-]{1,64}$/.test(version)) return version
    throw fault(`${this.#url}: GET /_/version did not answer with a version`)
  }

  /** The answer to GET as JSON; `asked` are segments of the path below `/_/`. */
  read(...asked: readonly string[]): Promise<unknown> {
    return this.#read(`/_/${asked.map(encodeURIComponent).join('/')}`, {})
  }

  /** A module's answer to GET for a tenant, as JSON; `target` is path and query. */
  readFor(tenant: string, target: string): Promise<unknown> {
    return this.#read(target, { 'X-Okapi-Tenant': tenant })
  }

  async #read(path: string, more: Readonly<Record<string, string>>): Promise<unknown> {
    const { status, text } = await this.#ask('GET', path, undefined, more)
    if (status !== 200) throw this.#answered(`GET ${path}`, status, text)
    try {
      return JSON.parse(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      throw fault(`${this.#url}: GET ${path} did not answer with JSON`)
    }
  }

  async add(wanted: WantedInstance): Promise<void> {
    const { status, text } = await this.#ask('POST', DISCOVERY, JSON.stringify(wanted))
    if (status !== 201) throw this.#answered(`POST ${DISCOVERY} ${wanted.srvcId}`, status, text)
  }

  async remove({ srvcId, instId }: Instance): Promise<void> {
    const path = [srvcId, instId].map(encodeURIComponent).join('/')
    const { status, text } = await this.#ask('DELETE', `${DISCOVERY}/${path}`)
    if (status !== 204) throw this.#answered(`DELETE ${DISCOVERY}/${path}`, status, text)
  }

  async close(): Promise<void> {
    this.#operator?.stop()
    await this.#client.destroy()
  }

  async #ask(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: string,
    more: Readonly<Record<string, string>> = {},
  ) {
    const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
    const headers = { Accept: 'application/json', ...type, ...this.#headers, ...more }
    try {
      const answer = await this.#client.request({ method, path, headers, body: body ?? null })
      return { status: answer.statusCode, text: await answer.body.text() }
    } catch (error) {
      if (error instanceof Fault) throw error
      throw fault(`${this.#url}: ${wordsOf(error)}`)
    }
  }

  #answered(what: string, status: number, text: string): Fault {
    // Okapi answers 400 if a token is missing.
    const locked = status === 401 || status === 403 || text.includes('Token missing')
    const hint =
      'the operator needs a grant {profile: daily} (read-only to fetch), and --token-file where Okapi is secured'
    const said = refusalIn(text) ?? text.replaceAll(/[^\x21-\x7e]+/g, ' ').trim()
    return fault(`${this.#url}: ${what}: ${status} ${said.slice(0, 500)}`, locked ? { hint } : {})
  }

  #noList(): never {
    throw fault(`${this.#url}: GET ${DISCOVERY} did not answer with deployment descriptors`)
  }
}

/** The text of a sidecar's problem document (RFC 9457); undefined for all other answers. */
function refusalIn(text: string): string | undefined {
  try {
    const { reason, detail } = JSON.parse(text) ?? {}
    if (typeof reason !== 'string' || !/^[a-z-]+$/.test(reason)) return undefined
    return typeof detail === 'string' ? `${reason}: ${printable(detail)}` : reason
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** undici's own messages are about its internals. */
function wordsOf(error: unknown): string {
  const code = errorCode(error)
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return `no answer within ${ANSWER_MS / 1000} seconds`
  }
  return error instanceof Error ? error.message : String(error)
}

function originOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const bare =
    url !== undefined && url.pathname === '/' && url.search + url.hash + url.username === ''
  if (bare && /^https?:$/.test(url.protocol)) return url
  throw fault(`--okapi ${text}: must be https://HOST:PORT, or http:// on loopback`)
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

function portOf({ port }: URL): number {
  return port === '' ? 443 : Number(port)
}

function instancesIn(text: string): readonly Instance[] | undefined {
  try {
    const list: unknown = JSON.parse(text)
    if (!Array.isArray(list)) return undefined
    const found = list.map(instanceOf)
    return found.every((each) => each !== undefined) ? found : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function instanceOf(value: unknown): Instance | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { srvcId, instId, url, nodeId } = value as Record<string, unknown>
  if (typeof srvcId !== 'string' || typeof instId !== 'string') return undefined
  const at = typeof url === 'string' ? url : ''
  return { srvcId, instId, url: at, nodeId: typeof nodeId === 'string' ? nodeId : null }
}

/** The content of `--token-file`, for X-Okapi-Token; undefined without one. Throws a Fault. */
export function tokenIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  const where = { file }
  const token = readNamedText(file).trim()
  if (/^[!-~]+$/.test(token)) return token
  if (token === '') throw fault('the file is empty: it must hold one token', { where })
  throw fault('the file must hold one token and nothing else', {
    where,
    hint: 'a token has no white space and no characters outside ASCII',
  })
}
