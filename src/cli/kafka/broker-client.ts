import type { TLSSocket } from 'node:tls'
import { fault } from '../../fault.ts'
import { APIS } from '../../kafka/apis/all.ts'
import type { MessageValues } from '../../kafka/message.ts'
import { hasTaggedAnswer } from '../../kafka/request-head.ts'
import { WireReader } from '../../kafka/wire-reader.ts'
import { WireWriter } from '../../kafka/wire-writer.ts'

const CLIENT_ID = 'okapi-sidecar check'
/** The answers here are short, except the ACLs of a whole installation. */
const LONGEST_ANSWER = 64 * 1024 * 1024

/** A verified connection with a broker, for one request at a time. */
export class BrokerClient {
  readonly socket: TLSSocket
  readonly #timeoutMs: number
  #correlationId = 0

  constructor(socket: TLSSocket, timeoutMs: number) {
    this.socket = socket
    this.#timeoutMs = timeoutMs
    socket.on('error', () => socket.destroy())
  }

  /** One request and its answer. Throws a Fault if there is none. */
  async ask(key: number, version: number, request: MessageValues): Promise<MessageValues> {
    const api = APIS.find(key, version)
    if (api === undefined) throw new Error(`the API ${key} has no version ${version} here`)
    const writer = new WireWriter()
    writer.int16(key)
    writer.int16(version)
    writer.int32(++this.#correlationId)
    writer.textLength(CLIENT_ID.length, false)
    writer.text(CLIENT_ID)
    if (api.flexible) writer.varint(0)
    api.request.write(writer, request)
    for (const bytes of writer.frame()) this.socket.write(bytes)
    const frame = await this.#frame(api.api.name)
    const reader = new WireReader(frame, 4, { dropsTags: true })
    if (reader.int32() !== this.#correlationId) throw fault('the broker answered another question')
    if (hasTaggedAnswer(api)) reader.varint()
    return api.response.read(reader)
  }

  close(): void {
    this.socket.destroy()
  }

  #frame(name: string): Promise<Buffer> {
    const { socket } = this
    return new Promise((resolve, reject) => {
      let bytes: Buffer = Buffer.alloc(0)
      const end = (error: Error | undefined) => {
        socket.off('data', onData).off('end', onClose).off('close', onClose).setTimeout(0)
        if (error === undefined) resolve(bytes)
        else reject(error)
      }
      const onData = (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk])
        if (bytes.length < 4) return
        const length = bytes.readInt32BE(0)
        if (length < 4 || length > LONGEST_ANSWER)
          end(fault('what the broker sent is not an answer'))
        else if (bytes.length >= 4 + length) end(undefined)
      }
      const because = `the broker closed the connection at ${name}, as one that asks for SASL does`
      const onClose = () => end(fault(because))
      socket.on('data', onData).on('end', onClose).on('close', onClose)
      socket.setTimeout(this.#timeoutMs, () => end(fault(`the broker says nothing to ${name}`)))
    })
  }
}
