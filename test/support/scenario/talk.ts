import { readFileSync } from 'node:fs'
import net, { type Socket } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { patiently } from '../patience.ts'
import { type Message, readMessage } from './messages.ts'

/**
 * Where a test calls: a plain port of loopback, or one with TLS and whose certificate to show;
 * `shown: false`: as a browser, that only trusts its CA.
 */
export type Where =
  | number
  | { readonly port: number; readonly certificate: string; readonly shown?: false }

/** The same from a machine that shares files with the one that is called, and not its loopback. */
export interface UnixSocket {
  readonly path: string
}

/** A caller that sends any bytes. */
export class Talk {
  /** Everything that came back. */
  received = ''
  ended = false
  /** The code with which the connection broke: `ECONNRESET`. */
  broke: string | undefined
  readonly socket: Socket
  #read = 0
  readonly #waiting = new Set<() => void>()

  constructor(where: Where | UnixSocket) {
    this.socket = connect(where)
    this.socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1')
      this.#wake()
    })
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.broke = error.code ?? error.message
    })
    this.socket.on('end', () => this.#end())
    this.socket.on('close', () => this.#end())
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** The next answer, 1xx ones too. An end without it is an Error. */
  async next(bodiless = false): Promise<Message> {
    for (;;) {
      const message = readMessage(this.received.slice(this.#read), bodiless, this.ended)
      if (message !== undefined) {
        this.#read += message.length
        return message
      }
      if (this.ended) throw new Error(`no whole answer: ${this.#left()} ${this.broke ?? ''}`)
      await this.#news()
    }
  }

  /** Waits until this has come back. */
  async sees(words: string): Promise<void> {
    while (!this.received.includes(words)) {
      if (this.ended) throw new Error(`never saw ${words}: ${this.#left()}`)
      await this.#news()
    }
  }

  /** Waits for the other side's end; resolves to what came back and was not read as an answer. */
  async end(): Promise<string> {
    while (!this.ended) await this.#news()
    this.close()
    return this.#left()
  }

  close(): void {
    this.socket.destroy()
  }

  #left(): string {
    return this.received.slice(this.#read)
  }

  #end(): void {
    this.ended = true
    this.#wake()
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  #news(): Promise<void> {
    const news = new Promise<void>((resolve) => {
      this.#waiting.add(resolve)
    })
    return patiently(news, () => `nothing came, nor the end, after: ${this.#left()}`)
  }
}

/** One request, one answer, on a connection of its own. */
export async function ask(where: Where | UnixSocket, text: string): Promise<Message> {
  const talk = new Talk(where)
  try {
    return await talk.send(text).next(text.startsWith('HEAD '))
  } finally {
    talk.close()
  }
}

/** Bytes that came before the other side closed without an answer; '' if there were none. */
export function silence(where: Where | UnixSocket, text: string): Promise<string> {
  return new Talk(where).send(text).end()
}

function connect(where: Where | UnixSocket): Socket {
  if (typeof where === 'number') {
    return net.connect({ host: '127.0.0.1', port: where, allowHalfOpen: true, noDelay: true })
  }
  if ('path' in where) return net.connect({ path: where.path, allowHalfOpen: true })
  const { port, certificate } = where
  const file = (name: string) => readFileSync(join(certificate, name))
  const own = where.shown === false ? {} : { cert: file('tls.crt'), key: file('tls.key') }
  const shown = { ca: file('ca.crt'), ...own }
  const half = { allowHalfOpen: true }
  const checkServerIdentity = () => undefined
  return tls.connect({ host: '127.0.0.1', port, ...shown, ...half, checkServerIdentity })
}
