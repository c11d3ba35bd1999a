/** Thrown for bytes that are not a protobuf message, or not the expected one. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError'
}

/** A field of a message. */
export interface Field {
  readonly number: number
  /** Undefined for numbers of any kind: the messages read here have none that matter. */
  readonly bytes: Buffer | undefined
}

/** Wire types (protobuf encoding guide); groups, 3 and 4, are obsolete and refused. */
const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5
const MAX_VARINT_OCTETS = 10

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** The fields of a message in their order, including unknown ones. Throws a ProtobufError. */
export function readFields(message: Buffer): readonly Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let octets = 0; octets < MAX_VARINT_OCTETS; octets++) {
      const octet = message[at++]
      if (octet === undefined) throw new ProtobufError('cut off in a number')
      value += (octet & 0x7f) * 2 ** (7 * octets)
      if (octet < 0x80) return value
    }
    throw new ProtobufError('a number of more than ten octets')
  }
  const skip = (length: number): Buffer => {
    if (length > message.length - at) throw new ProtobufError('a field is longer than its message')
    at += length
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    // Field numbers end at 2^29 - 1.
    if (number === 0 || number >= 2 ** 29) throw new ProtobufError(`no field has number ${number}`)
    fields.push({ number, bytes: read(tag % 8) })
  }
  return fields

  function read(wireType: number): Buffer | undefined {
    if (wireType === LENGTH_DELIMITED) return skip(varint())
    if (wireType === VARINT) varint()
    else if (wireType === FIXED64) skip(8)
    else if (wireType === FIXED32) skip(4)
    else throw new ProtobufError(`wire type ${wireType} is not known`)
    return undefined
  }
}

/** The contents of every field with this number. Throws if one is a number. */
function repeated(fields: readonly Field[], number: number): readonly Buffer[] {
  return fields
    .filter((field) => field.number === number)
    .map(({ bytes }) => {
      if (bytes === undefined) throw new ProtobufError(`field ${number} is a number`)
      return bytes
    })
}

/** The content of a field that occurs at most once; empty if it is absent (proto3). */
function single(fields: readonly Field[], number: number): Buffer {
  const [first, ...more] = repeated(fields, number)
  if (more.length > 0) throw new ProtobufError(`field ${number} is there twice`)
  return first ?? Buffer.alloc(0)
}

/** Text that must be UTF-8. */
function utf8Text(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    throw new ProtobufError('text that is not UTF-8')
  }
}

/** One identity from the Workload API (SPIFFE Workload API, X509SVID); everything is DER. */
export interface X509Svid {
  readonly spiffeId: string
  /** Concatenated certificates, leaf first. */
  readonly chain: Buffer
  /** PKCS#8. */
  readonly key: Buffer
  /** The concatenated authorities of its own trust domain. */
  readonly bundle: Buffer
}

/** One message of FetchX509SVID. */
export interface X509Svids {
  /** The first one is for clients without a preference. */
  readonly svids: readonly X509Svid[]
  readonly crls: readonly Buffer[]
}

/**
 * Reads an X509SVIDResponse. Throws a ProtobufError.
 *
 * `federated_bundles` is ignored: in our own bundle, the authorities of another trust domain could
 * issue certificates with names of ours.
 */
export function readX509Svids(message: Buffer): X509Svids {
  const fields = readFields(message)
  return { svids: repeated(fields, 1).map(readSvid), crls: repeated(fields, 2) }
}

function readSvid(message: Buffer): X509Svid {
  const fields = readFields(message)
  return {
    spiffeId: utf8Text(single(fields, 1)),
    chain: single(fields, 2),
    key: single(fields, 3),
    bundle: single(fields, 4),
  }
}
