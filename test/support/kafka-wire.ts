import { once } from 'node:events'
import { connect } from 'node:net'
import type { ApiVersion } from '../../src/kafka/apis/api.ts'
import type { MessageValues } from '../../src/kafka/message.ts'
import { WireReader } from '../../src/kafka/wire-reader.ts'
import { type Given, messageBytes, requestFrame } from './kafka-frames.ts'
import { FrameEnd } from './kafka-session.ts'

/** A client that speaks Kafka's protocol by hand: no retries, no second connection. */
export class KafkaWire {
  readonly end: FrameEnd
  #correlationId = 0

  private constructor(end: FrameEnd) {
    this.end = end
  }

  static async to(t: { teardown(close: () => unknown): void }, port: number): Promise<KafkaWire> {
    const socket = connect({ port, host: '127.0.0.1' })
    t.teardown(() => socket.destroy())
    const end = new FrameEnd(socket)
    await once(socket, 'connect')
    return new KafkaWire(end)
  }

  /** Asks and waits for the answer; every field has to be given. */
  async ask(api: ApiVersion, given: Given): Promise<MessageValues> {
    this.send(api, given)
    return this.answer(api)
  }

  send(api: ApiVersion, given: Given): void {
    const correlationId = ++this.#correlationId
    // A missing value is null.
    const body = messageBytes(api.api.request, api, () => 0.999, given)
    this.end.socket.write(requestFrame(api, body, { correlationId, clientId: 'by hand' }))
  }

  async answer(api: ApiVersion): Promise<MessageValues> {
    const reader = new WireReader(await this.end.frame(), 8, { dropsTags: true })
    if (api.flexible && api.api.key !== 18) reader.varint()
    return api.response.read(reader)
  }
}
