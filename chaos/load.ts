import { createHash } from 'node:crypto'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { answerOf, bodyOf, type Call, digestOf, drawCall } from './call.ts'
import type { Random } from './random.ts'
import { newToken, type Tokens } from './tokens.ts'
import { within } from './waits.ts'

/** What came of a call, as its caller saw it. */
export type Outcome =
  /** The right answer, whole. */
  | { readonly is: 'answered' }
  /** By a sidecar. */
  | { readonly is: 'refused'; readonly status: number; readonly reason: string }
  /** Okapi itself answered that it cannot. */
  | { readonly is: 'not done by Okapi'; readonly status: number; readonly text: string }
  /** The connection ended before the answer was whole. */
  | { readonly is: 'broken'; readonly how: string }
  /** Another process took for its own request what was garbled: HTTP/1.1 has no other answer. */
  | { readonly is: 'answered 400' }
  /** The caller went away. */
  | { readonly is: 'left' }
  /** Neither an answer nor an end, for longer than any limit. */
  | { readonly is: 'unended' }
  /** An answer that is not this call's. */
  | { readonly is: 'wrong'; readonly why: string }

/** A call with what came of it. */
export interface Told {
  readonly call: Call
  /** Of the body that was sent. */
  readonly digest: string
  /** ms since 1970 */
  readonly began: number
  readonly ended: number
  readonly ms: number
  readonly outcome: Outcome
  /** When Okapi had sent the token that it had; undefined: it had none, or one that Okapi never sent. */
  readonly tokenAt?: number
}

/** Whom a load calls, and how. */
export interface LoadPlan {
  readonly port: number
  /** Calls a second. */
  readonly rate: number
  /** Connections that were idle for so long are closed. */
  readonly idleMs: number
  /** What the calls may have. */
  readonly tokens: Pick<Tokens, 'of'>
}

/** Longer than all limits on the way together. */
const PATIENCE_MS = 240_000
/** A call that is given up ends by then. */
const END_MS = 30_000
/** What of its own lateness it makes up for. */
const LATE_MS = 200
const PIECE = 64 * 1024

/** Calls that begin at their times, however long those before them take. */
export class Load {
  /** In the order in which they ended; those of other loads before. */
  readonly #told: Told[]
  readonly #port: number
  readonly #random: Random
  readonly #rate: number
  readonly #tokens: Pick<Tokens, 'of'>
  readonly #open = new Set<Promise<void>>()
  readonly #agent: Agent
  #running: Promise<void> | undefined
  #stopped = true

  constructor({ port, rate, idleMs, tokens }: LoadPlan, random: Random, told: Told[]) {
    this.#tokens = tokens
    this.#port = port
    this.#told = told
    this.#rate = rate
    this.#random = random
    this.#agent = new Agent({ keepAlive: true, timeout: idleMs })
  }

  start(): void {
    this.#stopped = false
    this.#running = this.#run()
  }

  /** No new calls; resolves when each has its end. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    const left = Promise.all(this.#open)
    await within(PATIENCE_MS + END_MS, 'the end of all calls', left)
    this.#agent.destroy()
  }

  async #run(): Promise<void> {
    let next = performance.now()
    while (!this.#stopped) {
      // A run that was late itself does not catch up: that would be a burst of its own making.
      next = Math.max(next, performance.now() - LATE_MS) + this.#random.gapMs(this.#rate)
      const wait = next - performance.now()
      if (wait > 1) await pause(wait)
      const call = drawCall(this.#random)
      const one: Promise<void> = this.#ask(call).finally(() => this.#open.delete(one))
      this.#open.add(one)
    }
  }

  async #ask(call: Call): Promise<void> {
    const body = bodyOf(call)
    const digest = digestOf(body)
    const [began, start] = [Date.now(), performance.now()]
    const handed = call.kind === 'with a token' ? this.#tokens.of(call.tenant) : undefined
    const token = call.kind === 'forbidden token' ? newToken(call.tenant) : handed?.text
    const outcome = await this.#outcome(call, body, digest, token)
    const ms = performance.now() - start
    const tokenAt = handed && { tokenAt: handed.at }
    this.#told.push({ call, digest, began, ended: Date.now(), ms, outcome, ...tokenAt })
  }

  #outcome(call: Call, body: Buffer, digest: string, token: string | undefined): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const sent = request({
      host: '127.0.0.1',
      port: this.#port,
      method: call.method,
      path: call.target,
      agent: this.#agent,
      headers: {
        'X-Okapi-Tenant': call.tenant,
        ...(token !== undefined && { 'X-Okapi-Token': token }),
        ...(body.length > 0 && !call.chunked && { 'Content-Length': body.length }),
        ...(body.length > 0 && call.chunked && { 'Transfer-Encoding': 'chunked' }),
      },
    })
    const late = setTimeout(() => {
      resolve({ is: 'unended' })
      sent.destroy()
    }, PATIENCE_MS)
    let head = false
    sent.on('error', (error: NodeJS.ErrnoException) =>
      // Its own doing comes as an error, too.
      resolve(
        leaving
          ? { is: 'left' }
          : {
              is: 'broken',
              how: `${error.code ?? error.message}${head ? ' after its head' : ''}`,
            },
      ),
    )
    sent.on('response', (response) => {
      head = true
      read(response, call, digest).then(resolve, (error: NodeJS.ErrnoException) =>
        resolve({ is: 'broken', how: `${error.code ?? error.message} after its head` }),
      )
    })
    const leaving = call.kind === 'walk away'
    if (leaving) sent.on('close', () => resolve({ is: 'left' }))
    void pour(sent, body, leaving)
    return promise.finally(() => clearTimeout(late))
  }
}

/** Large bodies go in pieces; one that walks away does so in the middle. */
async function pour(sent: ClientRequest, body: Buffer, leaves: boolean): Promise<void> {
  for (let at = 0; at < body.length; at += PIECE) {
    if (sent.destroyed) return
    if (leaves && at > body.length / 2) return void sent.destroy()
    const whole = sent.write(body.subarray(at, at + PIECE))
    if (whole) continue
    await new Promise<void>((resolve) => {
      const go = () => {
        sent.off('drain', go).off('close', go)
        resolve()
      }
      sent.on('drain', go).on('close', go)
    })
  }
  sent.end()
}

async function read(response: IncomingMessage, call: Call, digest: string): Promise<Outcome> {
  const status = response.statusCode ?? 0
  const hash = createHash('sha256')
  let [length, text] = [0, '']
  for await (const part of response as AsyncIterable<Buffer>) {
    hash.update(part)
    length += part.length
    if (text.length < 2000) text += part.toString('latin1', 0, 2000)
  }
  const { 'content-type': type = '', 'x-sidecar-refused': refused } = response.headers
  if (type === 'application/problem+json') {
    // Behind Okapi the header is gone: Okapi is no sidecar.
    const { reason = '?' }: { reason?: string } = JSON.parse(text)
    return { is: 'refused', status, reason: String(refused ?? reason) }
  }
  if (type.startsWith('text/plain')) return { is: 'not done by Okapi', status, text: text.trim() }
  if (status === 400 && length === 0) return { is: 'answered 400' }
  const expected = answerOf(call.id, call.tenant, digest, call.wanted)
  const right = status === 200 && hash.digest('hex').startsWith(digestOf(expected))
  if (right && length === expected.length) return { is: 'answered' }
  return { is: 'wrong', why: `${status}, ${length} bytes: ${text.slice(0, 120)}` }
}
