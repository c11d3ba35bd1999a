/** What a file contains instead of PEM, and how to convert it to PEM. `FILE` stands for its path. */
export interface OtherForm {
  /** The text after `: `. */
  readonly what: string
  readonly remedy: string
}

/** Only the blocks of a file that has text around them. */
export const BLOCKS_ALONE = "sed -n '/-----BEGIN/,/-----END/p' FILE > FILE.pem"

const SIGNS: readonly (readonly [RegExp, OtherForm])[] = [
  [
    /^\xef\xbb\xbf/,
    { what: 'it begins with a byte order mark', remedy: 'tail -c +4 FILE > FILE.pem' },
  ],
  [
    /^(?:\xff\xfe|\xfe\xff)/,
    {
      what: 'this is UTF-16, as PowerShell writes it',
      remedy: 'iconv -f UTF-16 -t ASCII FILE > FILE.pem',
    },
  ],
  [
    /^\xfe\xed\xfe\xed/,
    {
      what: 'this is a Java key store (JKS)',
      remedy:
        'keytool -importkeystore -srckeystore FILE -destkeystore store.p12 -deststoretype PKCS12, then openssl pkcs12',
    },
  ],
  [
    /^LS0tLS1CRUdJTi/,
    {
      what: 'this is base64 of PEM, as a Kubernetes manifest has it',
      remedy: 'base64 -d FILE > FILE.pem',
    },
  ],
  [
    /^MI[A-Za-z0-9+/=]+$/,
    {
      what: 'this is base64 without the lines BEGIN and END',
      remedy: 'base64 -d FILE > FILE.der, then openssl with -inform der',
    },
  ],
  [
    /^-----BEGIN [A-Z0-9 ]+-----\\n/,
    {
      what: 'its line breaks are written as \\n',
      remedy: `printf '%b' "$(cat FILE)" > FILE.pem`,
    },
  ],
  [
    /^[ \t]+-----BEGIN /,
    { what: 'it is indented', remedy: "sed 's/^[[:space:]]*//' FILE > FILE.pem" },
  ],
  [
    /^(?:Bag Attributes|Key Attributes|[ ]+(?:localKeyID|friendlyName|1\.3\.6\.1\.4\.1\.311)|subject=|issuer=)/,
    { what: 'this is text that `openssl pkcs12` wrote beside the blocks', remedy: BLOCKS_ALONE },
  ],
  [
    /^(?:Certificate:|Certificate Revocation List|Private-Key:|-{3}$|[ ]{4}|depth=|CONNECTED|[ ]*\d+ s:)/,
    { what: 'this is text that openssl wrote beside the blocks', remedy: BLOCKS_ALONE },
  ],
]

/** Commands for DER, by the wanted label. */
const FROM_DER: Readonly<Record<string, string>> & { readonly CERTIFICATE: string } = {
  CERTIFICATE: 'openssl x509 -inform der -in FILE -out FILE.pem',
  'X509 CRL': 'openssl crl -inform der -in FILE -out FILE.pem',
  'PRIVATE KEY': 'openssl pkey -inform der -in FILE -out FILE.pem',
}

/** What the file is, judged by a line outside of any PEM block. */
export function formOf(line: string): OtherForm {
  const found = SIGNS.find(([sign]) => sign.test(line))?.[1]
  if (found !== undefined) return found
  const what = 'only PEM blocks, empty lines and lines that begin with # are allowed there'
  return { what, remedy: BLOCKS_ALONE }
}

/** Longer than the header and first member of every format that is recognized here. */
const HEAD_BYTES = 24
/** `INTEGER 3`: PKCS#12 begins with its version (RFC 7292 4). */
const VERSION_3 = '020103'
/** The OIDs of PKCS#7, 1.2.840.113549.1.7. */
const PKCS7 = '06092a864886f70d0107'

/** The format of a file that begins with an ASN.1 SEQUENCE; undefined if it does not. `wanted`: a label. */
export function binaryFormOf(bytes: Uint8Array, wanted: string): OtherForm | undefined {
  const [tag, length = 0] = bytes
  // A length below 128 is one byte, as in a small EC key: text could begin so, but not with its own length.
  const short = bytes.length === length + 2
  if (tag !== 0x30 || length > 0x84 || (length < 0x80 && !short)) return undefined
  const start = Math.max(length - 0x80, 0) + 2
  const head = Buffer.from(bytes.subarray(start, start + HEAD_BYTES)).toString('hex')
  if (head.startsWith(VERSION_3)) {
    const part = wanted.endsWith('KEY') ? '-nocerts -noenc' : '-nokeys'
    const remedy = `openssl pkcs12 -in FILE ${part} | sed -n '/-----BEGIN/,/-----END/p' > FILE.pem`
    return { what: 'this is PKCS#12 (a .p12 or .pfx file), not PEM', remedy }
  }
  if (head.startsWith(PKCS7)) {
    const remedy =
      "openssl pkcs7 -inform der -in FILE -print_certs | sed -n '/-----BEGIN/,/-----END/p' > FILE.pem"
    return { what: 'this is PKCS#7 (a .p7b file), not PEM', remedy }
  }
  return { what: 'this is DER, not PEM', remedy: FROM_DER[wanted] ?? FROM_DER.CERTIFICATE }
}

/** What a block with another label is, if it can be converted to what is wanted. */
export function remedyForLabel(label: string, wanted: string): string | undefined {
  if (label === 'TRUSTED CERTIFICATE') return 'openssl x509 -in FILE -out FILE.pem'
  if (label === 'PKCS7') {
    return "openssl pkcs7 -in FILE -print_certs | sed -n '/-----BEGIN/,/-----END/p' > FILE.pem"
  }
  if (label === 'ENCRYPTED PRIVATE KEY') return DECRYPT
  if (label === 'OPENSSH PRIVATE KEY') return 'ssh-keygen -p -m PKCS8 -f FILE'
  if (label.endsWith('CERTIFICATE REQUEST')) {
    return 'a request is not a certificate yet: put the certificate that its CA issues there'
  }
  if (label.endsWith('PRIVATE KEY') && !wanted.endsWith('KEY')) {
    return 'a private key belongs only in tls.key: remove it from here'
  }
  return undefined
}

/** A key without its passphrase. */
export const DECRYPT = 'openssl pkey -in FILE -out FILE.pem'
