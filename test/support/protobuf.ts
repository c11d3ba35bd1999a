// A writer of protobuf for tests, by the encoding guide; nothing of it comes from what is tested.

/** Seven bits an octet, the lowest first. */
export function varint(value: number): Buffer {
  const octets: number[] = []
  let rest = value
  while (rest >= 0x80) {
    octets.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return Buffer.from([...octets, rest])
}

/** A length-delimited field. */
export function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content])
}

/** One identity of the Workload API. */
export interface Svid {
  readonly spiffeId: string
  readonly chain: Buffer
  readonly key: Buffer
  readonly bundle: Buffer
  readonly hint?: string
}

export function svidMessage({ spiffeId, chain, key, bundle, hint }: Svid): Buffer {
  return Buffer.concat([
    field(1, Buffer.from(spiffeId)),
    field(2, chain),
    field(3, key),
    field(4, bundle),
    ...(hint === undefined ? [] : [field(5, Buffer.from(hint))]),
  ])
}

/** An X509SVIDResponse. */
export function svidsMessage({
  svids,
  crls = [],
}: {
  svids: readonly Svid[]
  crls?: readonly Buffer[]
}): Buffer {
  return Buffer.concat([
    ...svids.map((svid) => field(1, svidMessage(svid))),
    ...crls.map((crl) => field(2, crl)),
  ])
}
