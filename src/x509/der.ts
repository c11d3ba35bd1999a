/** Thrown for every input that is not strict DER; caught where certificates and lists are parsed. */
export class DerError extends Error {
  override readonly name = 'DerError'
  /** The remedy, if known. */
  readonly remedy: string | undefined

  constructor(message: string, remedy?: string) {
    super(message)
    this.remedy = remedy
  }
}

/** One element: identifier, length and content, as views of the input. */
export interface Element {
  /** The identifier octet as it stands: class, constructed bit and number (X.690 8.1.2). */
  readonly tag: number
  /** The whole element, including its header. */
  readonly raw: Uint8Array
  readonly content: Uint8Array
  /** How many elements it is nested in. */
  readonly depth: number
}

/** Identifier octets used in certificates and revocation lists. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  bmpString: 0x1e,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

const CONSTRUCTED = 0x20
/** Certificates need about ten levels; a hostile one must not exhaust the stack. */
const MAX_DEPTH = 24

/** The implicit or primitive context tag `[number]`. */
export function contextTag(number: number, form: 'primitive' | 'constructed'): number {
  return 0x80 | number | (form === 'constructed' ? CONSTRUCTED : 0)
}

/** Reads an input that is exactly one element. Throws a DerError for anything else. */
export function readElement(bytes: Uint8Array): Element {
  const element = elementAt(bytes, 0, 0)
  if (element.raw.length !== bytes.length) throw new DerError('bytes after the end')
  return element
}

/** Walks the elements inside a constructed one (or an octet string that holds DER), in order. */
export class Elements {
  readonly #bytes: Uint8Array
  readonly #depth: number
  #at = 0

  constructor(parent: Element) {
    if ((parent.tag & CONSTRUCTED) === 0) throw new DerError('a primitive element has no children')
    this.#bytes = parent.content
    this.#depth = parent.depth + 1
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The next element, whatever it is. */
  next(): Element {
    if (this.done) throw new DerError('an element is missing')
    const element = elementAt(this.#bytes, this.#at, this.#depth)
    this.#at += element.raw.length
    return element
  }

  /** The next element, which must carry this tag. */
  take(tag: number): Element {
    const element = this.next()
    if (element.tag !== tag) {
      throw new DerError(`tag 0x${hexOctet(element.tag)} where 0x${hexOctet(tag)} belongs`)
    }
    return element
  }

  /** The next element if it carries this tag, else undefined and nothing is consumed. */
  maybe(tag: number): Element | undefined {
    return !this.done && this.#bytes[this.#at] === tag ? this.next() : undefined
  }

  /** Throws when something is left. */
  end(): void {
    if (!this.done) throw new DerError('an element too many')
  }
}

/** The children of an element that must carry this tag. */
export function open(element: Element, tag: number): Elements {
  if (element.tag !== tag) {
    throw new DerError(`tag 0x${hexOctet(element.tag)} where 0x${hexOctet(tag)} belongs`)
  }
  return new Elements(element)
}

/** Reads identifier and length (X.690 8.1, 10.1: definite, in the fewest octets). */
function elementAt(bytes: Uint8Array, start: number, depth: number): Element {
  if (depth > MAX_DEPTH) throw new DerError('nested too deeply')
  const tag = bytes[start]
  const first = bytes[start + 1]
  if (tag === undefined || first === undefined) throw new DerError('cut off')
  if (tag === 0) throw new DerError('end-of-contents belongs to BER')
  if ((tag & 0x1f) === 0x1f) throw new DerError('tag number above 30')
  let length = first
  let contentStart = start + 2
  if (first >= 0x80) {
    const octets = first & 0x7f
    if (octets === 0) throw new DerError('indefinite length')
    if (octets > 4) throw new DerError('length of more than four octets')
    if (contentStart + octets > bytes.length) throw new DerError('cut off')
    length = 0
    for (let index = 0; index < octets; index++)
      length = length * 256 + bytes[contentStart + index]!
    contentStart += octets
    const fewest = length < 0x80 ? 0 : Math.ceil(length.toString(16).length / 2)
    if (octets !== fewest) throw new DerError('length not in the fewest octets')
  }
  const end = contentStart + length
  if (end > bytes.length) throw new DerError('longer than what holds it')
  return {
    tag,
    raw: bytes.subarray(start, end),
    content: bytes.subarray(contentStart, end),
    depth,
  }
}

function hexOctet(octet: number): string {
  return octet.toString(16).padStart(2, '0')
}
