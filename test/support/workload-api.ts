import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import grpc from '@grpc/grpc-js'
import type { Issued, TestCa } from './pki.ts'
import type { Svid } from './protobuf.ts'

type Call = grpc.ServerWritableStream<Buffer, Buffer>

/** An independent SPIFFE agent: gRPC's own server on a Unix socket. */
export interface Agent {
  readonly socket: string
  /** Streams that were opened so far. */
  readonly calls: number
  /** Sent to each stream at its beginning, if it is not null. */
  first: Buffer | null
  /** What a new stream is refused with, if anything. */
  refusal: { readonly code: grpc.status; readonly details: string } | null
  /** Tells all open streams. */
  push(message: Buffer): void
  /** Ends all open streams with this status. */
  end(code: grpc.status, details: string): void
  /** Stops it; `start` begins again at the same socket. */
  stop(): void
  start(): Promise<void>
  remove(): Promise<void>
}

const raw = (bytes: Buffer) => bytes

export async function startAgent(first: Buffer | null): Promise<Agent> {
  const folder = await mkdtemp(join(tmpdir(), 'okapi-sidecar-agent-'))
  const socket = join(folder, 'agent.sock')
  const open = new Set<Call>()
  let server: grpc.Server | undefined
  const agent = {
    socket,
    calls: 0,
    first,
    refusal: null as Agent['refusal'],
    push: (message: Buffer) => {
      for (const call of open) call.write(message)
    },
    end: (code: grpc.status, details: string) => {
      for (const call of open) call.emit('error', refused(code, details))
    },
    stop: () => {
      server?.forceShutdown()
      open.clear()
    },
    start: async () => {
      server = new grpc.Server()
      server.addService(SERVICE, { FetchX509SVID: fetch })
      const started = server
      await new Promise<void>((resolve, reject) => {
        started.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
          error === null ? resolve() : reject(error),
        )
      })
    },
    remove: async () => {
      agent.stop()
      await rm(folder, { recursive: true })
    },
  }
  function fetch(call: Call): void {
    agent.calls++
    if (call.metadata.get('workload.spiffe.io')[0] !== 'true') {
      call.emit('error', refused(grpc.status.INVALID_ARGUMENT, 'security header missing'))
      return
    }
    if (agent.refusal !== null) {
      call.emit('error', refused(agent.refusal.code, agent.refusal.details))
      return
    }
    open.add(call)
    call.on('cancelled', () => open.delete(call))
    call.on('error', () => open.delete(call))
    if (agent.first !== null) call.write(agent.first)
  }
  await agent.start()
  return agent
}

/** What an agent gives to a workload. */
export function svidOf(
  ca: Pick<TestCa, 'rootPem'>,
  leaf: Pick<Issued, 'chainPem'> & { readonly pair: Pick<Issued['pair'], 'privateKey'> },
  uri: string,
): Svid {
  const pems = (text: string) =>
    [...text.matchAll(/-----BEGIN [A-Z ]+-----([^-]+)-----END/g)].map(([, base64]) =>
      Buffer.from(base64 ?? '', 'base64'),
    )
  return {
    spiffeId: uri,
    chain: Buffer.concat(pems(leaf.chainPem)),
    key: leaf.pair.privateKey.export({ type: 'pkcs8', format: 'der' }),
    bundle: Buffer.concat(pems(ca.rootPem)),
  }
}

function refused(code: grpc.status, details: string): Error {
  return Object.assign(new Error(details), { code, details })
}

const SERVICE: grpc.ServiceDefinition = {
  FetchX509SVID: {
    path: '/SpiffeWorkloadAPI/FetchX509SVID',
    requestStream: false,
    responseStream: true,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  },
}
