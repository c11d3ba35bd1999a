import { readFields, repeated, single, text } from './protobuf.ts'

/** One identity that the Workload API gives (SPIFFE Workload API, X509SVID); DER throughout. */
export interface X509Svid {
  readonly spiffeId: string
  /** Certificates one behind the other, leaf first. */
  readonly chain: Buffer
  /** PKCS#8. */
  readonly key: Buffer
  /** The authorities of its own trust domain, one behind the other. */
  readonly bundle: Buffer
}

/** What one message of FetchX509SVID says. */
export interface X509Svids {
  /** The first one is for who has no preference. */
  readonly svids: readonly X509Svid[]
  readonly crls: readonly Buffer[]
}

/**
 * Reads an X509SVIDResponse. Throws a ProtobufError.
 *
 * `federated_bundles` is left where it is: added to our own bundle, the authorities of another trust
 * domain could issue certificates in the name of ours.
 */
export function readX509Svids(message: Buffer): X509Svids {
  const fields = readFields(message)
  return { svids: repeated(fields, 1).map(readSvid), crls: repeated(fields, 2) }
}

function readSvid(message: Buffer): X509Svid {
  const fields = readFields(message)
  return {
    spiffeId: text(single(fields, 1)),
    chain: single(fields, 2),
    key: single(fields, 3),
    bundle: single(fields, 4),
  }
}
