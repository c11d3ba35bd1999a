import { BLOCKS_ALONE, binaryFormOf, DECRYPT, formOf, remedyForLabel } from './pem-forms.ts'

const NO_BLOCK = 'no line in it is -----BEGIN ...-----: put a PEM file there'
const CUT_OFF = 'it was written or copied only in part: write it again'

/** Thrown for text that is not strict PEM of the expected kinds. */
export class PemError extends Error {
  override readonly name = 'PemError'
  /** How to convert it, if known; `FILE` stands for its path. */
  readonly remedy: string | undefined

  constructor(message: string, remedy?: string) {
    super(message)
    this.remedy = remedy
  }
}

/** One block between BEGIN and END. */
export interface PemBlock {
  readonly label: string
  readonly der: Buffer
}

const BEGIN = /^-----BEGIN ([A-Z0-9][A-Z0-9 ]*)-----$/
const BASE64_LINE = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * Splits PEM (RFC 7468, strict form) into its blocks, which must all carry one of the labels.
 * Between blocks only empty lines and lines beginning with `#` are allowed: other text may be a
 * damaged block, which OpenSSL would silently skip. Throws a PemError.
 */
export function splitPem(bytes: Uint8Array, labels: readonly string[]): readonly PemBlock[] {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1')
    .split('\n')
    .map((line) => line.trimEnd())
  const blocks: PemBlock[] = []
  let at = 0
  while (at < lines.length) {
    const line = lines[at]!
    if (line === '' || line.startsWith('#')) {
      at += 1
      continue
    }
    const label = BEGIN.exec(line)?.[1]
    const [wanted = ''] = labels
    if (label === undefined) {
      const binary = at === 0 ? binaryFormOf(bytes, wanted) : undefined
      const { what, remedy } = binary ?? formOf(line)
      const none = binary === undefined && !lines.some((each) => BEGIN.test(each))
      const message = `line ${at + 1} belongs to no PEM block: ${what}`
      throw new PemError(message, none && remedy === BLOCKS_ALONE ? NO_BLOCK : remedy)
    }
    if (!labels.includes(label)) {
      const message = `line ${at + 1} begins ${article(label)}, not ${labels.map(article).join(' or ')}`
      throw new PemError(message, remedyForLabel(label, wanted))
    }
    const end = lines.indexOf(`-----END ${label}-----`, at)
    if (end === -1)
      throw new PemError(`the ${label} that begins on line ${at + 1} has no end`, CUT_OFF)
    blocks.push({ label, der: decode(lines.slice(at + 1, end), label, at + 1) })
    at = end + 1
  }
  return blocks
}

/** The text form, in lines of 64 characters. */
export function toPem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  const lines = base64.match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** The DER of every block with that label, in order, whatever text is around them. */
export function pemBlocks(label: string, text: string): readonly Buffer[] {
  const block = new RegExp(
    `-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`,
    'g',
  )
  return [...text.matchAll(block)].map(([, base64]) => Buffer.from(base64!, 'base64'))
}

/** The label with its article as spoken: an X509 CRL, an RSA PRIVATE KEY. */
function article(label: string): string {
  return `${/^(?:[AEIOX]|RSA)/.test(label) ? 'an' : 'a'} ${label}`
}

function decode(lines: readonly string[], label: string, line: number): Buffer {
  const text = lines.join('')
  if (lines[0]?.startsWith('Proc-Type: 4,ENCRYPTED') === true) {
    throw new PemError(`the ${label} that begins on line ${line} is encrypted`, DECRYPT)
  }
  const whole = lines.every((part) => BASE64_LINE.test(part)) && text !== ''
  const der = Buffer.from(text, 'base64')
  if (!whole || der.toString('base64') !== text) {
    throw new PemError(`the ${label} that begins on line ${line} is not base64`, CUT_OFF)
  }
  return der
}
