import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/** The server chooses the count; a higher one would only keep the probe busy. PostgreSQL's default is 4096. */
const MOST_ITERATIONS = 100_000
/** `n`: no channel binding (RFC 5802 section 7). */
const HEADER = 'n,,'

/** The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), with a password of ASCII characters. */
export class ScramClient {
  readonly #password: string
  readonly #nonce = randomBytes(18).toString('base64')

  constructor(password: string) {
    this.#password = password
  }

  /** PostgreSQL takes the user's name from the start-up message and ignores this one. */
  get #firstBare(): string {
    return `n=,r=${this.#nonce}`
  }

  /** The client's first message. */
  first(): string {
    return `${HEADER}${this.#firstBare}`
  }

  /** The answer to the server's first message; undefined if that is malformed. */
  final(serverFirst: string): string | undefined {
    const [, nonce, salt, count] = /^r=([^,]+),s=([^,]+),i=(\d{1,9})$/.exec(serverFirst) ?? []
    const iterations = Number(count)
    if (nonce === undefined || salt === undefined) return undefined
    if (!nonce.startsWith(this.#nonce) || iterations < 1 || iterations > MOST_ITERATIONS) {
      return undefined
    }
    const salted = pbkdf2Sync(this.#password, Buffer.from(salt, 'base64'), iterations, 32, 'sha256')
    const clientKey = hmac(salted, 'Client Key')
    const stored = createHash('sha256').update(clientKey).digest()
    const bare = `c=${Buffer.from(HEADER).toString('base64')},r=${nonce}`
    const signature = hmac(stored, `${this.#firstBare},${serverFirst},${bare}`)
    const proof = clientKey.map((byte, i) => byte ^ signature[i]!)
    return `${bare},p=${Buffer.from(proof).toString('base64')}`
  }
}

interface LoginSecret {
  readonly user: string
  readonly password: string
  readonly scram: ScramClient
}

/** The answer to an AuthenticationXXX message, given from its code on; undefined if the probe does not know it. */
export function passwordProof(
  asked: Buffer,
  { user, password, scram }: LoginSecret,
): Buffer | undefined {
  const more = asked.subarray(4)
  switch (asked.readInt32BE(0)) {
    case 3:
      return Buffer.from(`${password}\0`)
    case 5: {
      const inner = md5(Buffer.from(password + user))
      return Buffer.from(`md5${md5(Buffer.concat([Buffer.from(inner), more]))}\0`)
    }
    case 10: {
      if (!more.toString('latin1').split('\0').includes('SCRAM-SHA-256')) return undefined
      const first = Buffer.from(scram.first())
      const length = Buffer.alloc(4)
      length.writeInt32BE(first.length)
      return Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), length, first])
    }
    case 11: {
      const final = scram.final(more.toString('latin1'))
      return final === undefined ? undefined : Buffer.from(final)
    }
    default:
      return undefined
  }
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
