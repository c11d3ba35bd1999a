import { dirname } from 'node:path'
import { isOpenToAll } from '../../fault/guard.ts'
import { Fault, fault } from '../../fault.ts'
import { DerError, type Element, Elements, TAG } from '../../x509/der.ts'
import { toPem } from '../../x509/pem.ts'
import type { CredentialSource, RawFile, RawMaterial } from '../raw-material.ts'
import { callGrpc, type GrpcCall } from './grpc-stream.ts'
import { ProtobufError, readX509Svids, type X509Svid, type X509Svids } from './x509-svids.ts'

/** Where the SPIFFE Workload API is, and which of its identities is wanted. */
export interface SpiffeOptions {
  /** Path of the agent's Unix socket. */
  readonly socket: string
  /** Of several identities the first wanted one is used; if none is wanted, the first of all. */
  readonly wanted: (spiffeId: string) => boolean
  /** How long to wait for the first answer, and between two tries, in milliseconds. */
  readonly patienceMs?: number
  readonly firstPauseMs?: number
  readonly longestPauseMs?: number
  /** Refused credentials may become valid later, for example if the clock here was wrong. */
  readonly pollMs?: number
}

const METHOD = '/SpiffeWorkloadAPI/FetchX509SVID'
/** Required header: a program that is tricked into sending HTTP requests (SSRF) does not send it, so it gets no keys. */
const METADATA = { 'workload.spiffe.io': 'true' }
/** One lost stream is usually a restart of the agent; from this failure on it is logged. */
const TOLD_FROM_FAILURE = 2

/**
 * Key, chain, bundle and lists from the SPIFFE Workload API (SPIRE's agent and others). While it is
 * watched, one stream is kept open and reopened when it ends; the last message stays in use.
 */
export function spiffeSource(options: SpiffeOptions): CredentialSource {
  const name = `unix://${options.socket}`
  const { patienceMs = 30_000, pollMs = 30_000 } = options
  let stream: Stream | undefined
  return {
    description: name,
    read: async () => {
      refuseOpenFolder(options.socket)
      if (stream !== undefined) return stream.read(patienceMs)
      const once = new Stream(name, options, undefined)
      try {
        return await once.read(patienceMs)
      } finally {
        once.stop()
      }
    },
    watch: (onChange) => {
      const watched = new Stream(name, options, onChange)
      stream = watched
      const poll = setInterval(() => {
        if (watched.hasIdentity) onChange()
      }, pollMs).unref()
      return () => {
        clearInterval(poll)
        watched.stop()
        stream = undefined
      }
    },
  }
}

/** A user who can replace the agent's socket could become our authority. */
function refuseOpenFolder(socket: string): void {
  const folder = dirname(socket)
  if (!isOpenToAll(folder)) return
  throw fault('others may replace the socket in this folder', {
    where: { file: folder },
    hint: `chmod o-w ${folder}`,
  })
}

/** One stream after the other, and the last result. */
class Stream {
  readonly #name: string
  readonly #options: SpiffeOptions
  /** Undefined: only one answer is wanted, and the first failure counts as one. */
  readonly #onChange: (() => void) | undefined
  #call: GrpcCall | undefined
  #pause: NodeJS.Timeout | undefined
  #latest: RawMaterial | undefined
  #failure: Fault | undefined
  /** Failures since the last message. */
  #failures = 0
  #arrived = Promise.withResolvers<void>()

  constructor(name: string, options: SpiffeOptions, onChange: (() => void) | undefined) {
    this.#name = name
    this.#options = options
    this.#onChange = onChange
    this.#open()
  }

  get hasIdentity(): boolean {
    return this.#latest !== undefined
  }

  /** The last message; waits for the first one. Throws a Fault. */
  async read(patienceMs: number): Promise<RawMaterial> {
    let late: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      late = setTimeout(resolve, patienceMs)
    })
    await Promise.race([this.#arrived.promise, patience])
    clearTimeout(late)
    if (this.#latest !== undefined && this.#failure === undefined) return this.#latest
    throw this.#failure ?? this.#fault(`gave no identity within ${patienceMs} ms`)
  }

  stop(): void {
    this.#call?.close()
    clearTimeout(this.#pause)
    this.#arrived.resolve()
  }

  #open(): void {
    this.#call = callGrpc(this.#options.socket, METHOD, METADATA, {
      message: (bytes) => this.#message(bytes),
      ended: (why) => this.#ended(why),
    })
  }

  #message(bytes: Buffer): void {
    this.#failures = 0
    try {
      this.#latest = materialOf(readX509Svids(bytes), this.#name, this.#options.wanted)
      this.#failure = undefined
    } catch (error) {
      if (error instanceof Fault) this.#failure = error
      else if (error instanceof ProtobufError || error instanceof DerError) {
        this.#failure = this.#fault(`said what cannot be read: ${error.message}`)
      } else throw error
    }
    this.#arrived.resolve()
    this.#onChange?.()
  }

  #ended(why: string): void {
    const { firstPauseMs = 1000, longestPauseMs = 30_000 } = this.#options
    const pauseMs = Math.min(firstPauseMs * 2 ** this.#failures, longestPauseMs)
    this.#failures++
    const first = this.#latest === undefined
    if (first || this.#failures >= TOLD_FROM_FAILURE) {
      this.#failure = this.#fault(`cannot be used: ${why}`)
      if (!first) this.#onChange?.()
    }
    if (this.#onChange === undefined) return this.#arrived.resolve()
    // If the agents of a thousand sidecars restart, the sidecars must not all reconnect at once.
    this.#pause = setTimeout(() => this.#open(), pauseMs * (0.75 + Math.random() / 2))
  }

  #fault(message: string): Fault {
    return fault(`the SPIFFE Workload API ${message}`, {
      where: { file: this.#name },
      hint: 'is the agent running, and is this workload registered there?',
    })
  }
}

function materialOf(
  { svids, crls }: X509Svids,
  name: string,
  wanted: (spiffeId: string) => boolean,
): RawMaterial {
  const svid = svids.find(({ spiffeId }) => wanted(spiffeId)) ?? svids[0]
  if (svid === undefined) throw new ProtobufError('a message without any identity')
  const file = (part: keyof X509Svid | 'crl', pem: string): RawFile => ({
    bytes: Buffer.from(pem),
    path: `${name} (${part} of ${JSON.stringify(svid.spiffeId.slice(0, 300))})`,
  })
  return {
    key: file('key', toPem('PRIVATE KEY', svid.key)),
    cert: file('chain', pemOf('CERTIFICATE', svid.chain)),
    ca: file('bundle', pemOf('CERTIFICATE', svid.bundle)),
    byAgent: true,
    ...(crls.length > 0 && {
      crl: file('crl', crls.map((crl) => toPem('X509 CRL', crl)).join('')),
    }),
  }
}

/** Concatenated DER as PEM, one block per element; '' for nothing. */
function pemOf(label: string, concatenated: Buffer): string {
  const all: Element = { tag: TAG.sequence, raw: concatenated, content: concatenated, depth: 0 }
  const elements = new Elements(all)
  let pem = ''
  while (!elements.done) pem += toPem(label, elements.next().raw)
  return pem
}
