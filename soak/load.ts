import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

/** What came of all requests so far. */
export class Tally {
  answered = 0
  aborted = 0
  bytes = 0
  /** What went wrong, and how often. */
  readonly errors = new Map<string, number>()

  failed(why: string): void {
    this.errors.set(why, (this.errors.get(why) ?? 0) + 1)
  }
}

/** Callers that follow one another until they are stopped. */
export class Load {
  readonly tally = new Tally()
  readonly #stop = new AbortController()
  readonly #workers: Promise<void>[] = []

  /** Small calls one after the other, each worker on its own connection. */
  small(url: URL, workers: number): void {
    for (let i = 0; i < workers; i++) this.#repeat((agent) => this.#call(url, agent))
  }

  /** Bodies of a MiB that must come back as they were sent. */
  bodies(url: URL, workers: number): void {
    const body = randomBytes(1024 * 1024)
    for (let i = 0; i < workers; i++) this.#repeat((agent) => this.#call(url, agent, body))
  }

  /** Callers that go away: within their body, within the answer, before it. */
  aborts(url: URL, workers: number): void {
    for (let i = 0; i < workers; i++) {
      let turn = i
      this.#repeat((agent) => this.#abort(url, agent, turn++ % 3))
    }
  }

  /** The running calls are finished. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#workers)
  }

  #repeat(once: (agent: Agent) => Promise<void>): void {
    const run = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      while (!this.#stop.signal.aborted) await once(agent)
      agent.destroy()
    }
    this.#workers.push(run())
  }

  async #call(url: URL, agent: Agent, body?: Buffer): Promise<void> {
    try {
      const sent = open(url, agent, body?.length)
      sent.end(body)
      const [response] = (await once(sent, 'response')) as [IncomingMessage]
      const wanted = body ?? Buffer.from('ok')
      const hash = createHash('sha256')
      for await (const bytes of response) {
        hash.update(bytes)
        this.tally.bytes += bytes.length
      }
      if (response.statusCode !== 200) {
        const { 'x-sidecar-refused': reason = '' } = response.headers
        this.tally.failed(`${response.statusCode} ${reason}`)
      } else if (hash.digest('hex') !== createHash('sha256').update(wanted).digest('hex')) {
        this.tally.failed('not what was sent')
      } else this.tally.answered++
    } catch (error) {
      this.tally.failed(String(error))
      await pause(10)
    }
  }

  async #abort(url: URL, agent: Agent, when: number): Promise<void> {
    const length = 4 * 1024 * 1024
    const sent = open(url, agent, length)
    sent.on('error', () => {})
    if (when === 0)
      await new Promise<void>((resolve) => sent.write(Buffer.alloc(1000), () => resolve()))
    if (when === 1) {
      sent.on('response', (response) =>
        response.on('error', () => {}).once('data', () => sent.destroy()),
      )
      sent.write(Buffer.alloc(length / 2))
      await Promise.race([new Promise((resolve) => sent.once('close', resolve)), pause(1000)])
    }
    sent.destroy()
    this.tally.aborted++
    await pause(20)
  }
}

function open(url: URL, agent: Agent, length: number | undefined): ClientRequest {
  const framing = length === undefined ? {} : { 'Content-Length': String(length) }
  const method = length === undefined ? 'GET' : 'POST'
  return request(url, { agent, method, headers: { 'X-Okapi-Tenant': 'diku', ...framing } })
}
