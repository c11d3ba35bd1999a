import { RawConnection, RECEIVED_BYTES_AT_MOST } from './raw-connection.ts'

/** API keys (Kafka's protocol guide). The probe must not share bugs with the sidecar, so it uses none of its code. */
const KAFKA_KEYS = {
  Produce: 0,
  Fetch: 1,
  Metadata: 3,
  FindCoordinator: 10,
  ApiVersions: 18,
  CreateTopics: 19,
  DeleteTopics: 20,
  DescribeAcls: 29,
  IncrementalAlterConfigs: 44,
  DescribeUserScramCredentials: 50,
} as const

/** A request of an attack, and where its answer has the error code for the verdict. */
export interface KafkaAsk {
  readonly api: keyof typeof KAFKA_KEYS
  readonly version: number
  readonly body: Buffer
  /** Does the version use compact lengths and tagged fields (KIP-482)? */
  readonly flexible?: true
  /** Finds the error code after the correlation id; throws a RangeError if the answer is too short. */
  errorIn(answer: KafkaReader): number
}

/** How an exchange ended. */
export type KafkaEnd =
  | { readonly kind: 'answer'; readonly error: number }
  | { readonly kind: 'odd' }
  | { readonly kind: 'ended'; readonly how: 'refused' | 'closed' | 'silent' }

const CLIENT = 'okapi-sidecar probe'
const CORRELATION = 0x0f0110

/** A connection that speaks Kafka's protocol by hand. */
export class KafkaConnection extends RawConnection {
  /** One request and its answer. */
  async ask({ errorIn, ...request }: KafkaAsk): Promise<KafkaEnd> {
    this.write(framed(requestBytes(request)))
    return this.answer(errorIn)
  }

  /** The next frame. */
  async answer(errorIn: KafkaAsk['errorIn']): Promise<KafkaEnd> {
    if (!(await this.has(4))) return { kind: 'ended', how: this.how }
    const length = this.bytes.readInt32BE(0)
    if (length < 4 || length > RECEIVED_BYTES_AT_MOST) return { kind: 'odd' }
    if (!(await this.has(4 + length))) return { kind: 'ended', how: this.how }
    const frame = this.take(4 + length).subarray(4)
    if (frame.readInt32BE(0) !== CORRELATION) return { kind: 'odd' }
    try {
      return { kind: 'answer', error: errorIn(new KafkaReader(frame.subarray(4))) }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return { kind: 'odd' }
    }
  }

  /** Resolves when the other side has closed, or the time for one exchange is over. */
  async closed(): Promise<'refused' | 'closed' | 'silent'> {
    await this.has(RECEIVED_BYTES_AT_MOST)
    return this.how
  }
}

/** A request with its header, without its length. */
export function requestBytes({ api, version, body, flexible }: Omit<KafkaAsk, 'errorIn'>): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt16BE(KAFKA_KEYS[api], 0)
  head.writeInt16BE(version, 2)
  head.writeInt32BE(CORRELATION, 4)
  return Buffer.concat([head, text(CLIENT), ...(flexible ? [Buffer.of(0)] : []), body])
}

/** A frame: the length and the content. `claimed`: a false length. */
export function framed(bytes: Buffer, claimed = bytes.length): Buffer {
  return Buffer.concat([int32(claimed), bytes])
}

/** Reads the types in old versions of answers. */
class KafkaReader {
  #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  skip(count: number): this {
    if (count > this.#bytes.length) throw new RangeError('the answer is too short')
    this.#bytes = this.#bytes.subarray(count)
    return this
  }

  int16(): number {
    const value = this.#bytes.readInt16BE(0)
    this.skip(2)
    return value
  }

  int32(): number {
    const value = this.#bytes.readInt32BE(0)
    this.skip(4)
    return value
  }

  /** A string, which may be null. */
  text(): string {
    const length = Math.max(0, this.int16())
    const value = this.#bytes.toString('utf8', 0, length)
    this.skip(length)
    return value
  }
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** A string; null: none. */
export function text(value: string | null): Buffer {
  if (value === null) return int16(-1)
  const bytes = Buffer.from(value)
  return Buffer.concat([int16(bytes.length), bytes])
}

/** An array with these elements. */
export function list(...elements: readonly Buffer[]): Buffer {
  return Buffer.concat([int32(elements.length), ...elements])
}
