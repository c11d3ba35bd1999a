import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../x509/extensions.ts'
import type { Attack, Need } from '../attack.ts'
import { ordinaryCall } from '../calls.ts'
import type { Context } from '../context.ts'
import type { ClientHandshake, PemPair } from '../dial.ts'
import { foreignRoot, forged, moduleUri, type Shape } from '../forge.ts'

/** A certificate that must be refused, by its differences from one that the target lets in. */
interface CertificateRow {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  readonly needs?: readonly Need[]
  /** Ciphers, if OpenSSL would not send the certificate otherwise. */
  readonly handshake?: ClientHandshake
  /** The signer; the installation's own CA unless given. */
  readonly signer?: (context: Context) => ReturnType<typeof foreignRoot> | 'self'
  /** Makes the id in its name from the right one. */
  readonly name?: (id: string) => string
  readonly shape?: (context: Context) => Partial<Shape> | Promise<Partial<Shape>>
}

const BYTE_FOR_BYTE = 'Compare names byte for byte, as they are in the DER.'
const VALIDITY = 'Check the validity of every certificate in the chain.'
const ONE_URI = 'Take identity from the one URI SAN and from nothing else.'
const PURPOSE = 'Want the purpose clientAuth of callers.'
/** At its ordinary security level OpenSSL would not even send such a certificate. */
const ANY_LEVEL: ClientHandshake = { ciphers: 'DEFAULT@SECLEVEL=0' }

const ROWS: readonly CertificateRow[] = [
  {
    id: 'ca-as-leaf',
    title: 'a CA certificate for a leaf',
    meaning: 'The key pair of a CA passes for that of a module, and the other way round.',
    remedy: 'Refuse leaves that may sign certificates.',
    shape: profile({ ca: true, usages: ['digitalSignature', 'keyCertSign'] }),
  },
  {
    id: 'cn-only',
    title: 'a name in the CN alone',
    meaning: 'A caller that may choose a common name may choose an identity.',
    remedy: ONE_URI,
    shape: () => ({ names: [] }),
  },
  {
    id: 'dns-for-uri',
    title: 'a DNS name in place of the URI',
    meaning: 'A caller that may have a host name certified takes a module’s identity.',
    remedy: ONE_URI,
    shape: ({ stolenId }) => ({ names: [{ kind: 'dns', value: stolenId }] }),
  },
  {
    id: 'eku-missing',
    title: 'a certificate without any purpose',
    meaning: 'A certificate made for anything at all identifies a module.',
    remedy: PURPOSE,
    shape: profile({ purposes: [] }),
  },
  {
    id: 'eku-wrong',
    title: 'a certificate made for other purposes',
    meaning: 'A certificate for signing code or mail identifies a module.',
    remedy: PURPOSE,
    shape: profile({ purposes: ['codeSigning', 'emailProtection'] }),
  },
  {
    id: 'expired',
    title: 'a certificate that has expired',
    meaning: 'A key that leaked last year is still accepted.',
    remedy: VALIDITY,
    shape: () => ({ hours: [-48, -24] }),
  },
  {
    id: 'foreign-ca',
    title: 'the right name from a foreign CA',
    meaning: 'Anyone who can make a certificate can take any identity.',
    remedy: 'Verify client certificates against the installation’s own CA, never the public roots.',
    needs: [],
    signer: ({ trustDomain }) => foreignRoot(trustDomain),
  },
  {
    id: 'id-look-alike',
    title: 'a name that only looks the same',
    meaning: 'A Cyrillic letter passes for a Latin one wherever names are folded or shown.',
    remedy: BYTE_FOR_BYTE,
    name: (id) => Buffer.from(id.replace('o', '\u043e'), 'utf8').toString('latin1'),
  },
  {
    id: 'id-percent',
    title: 'the name percent-encoded',
    meaning: 'A reader that decodes before it compares takes it for the real one.',
    remedy: BYTE_FOR_BYTE,
    name: (id) => id.replaceAll('-', '%2d'),
  },
  {
    id: 'id-product-prefix',
    title: 'a product whose name begins the same',
    meaning: '`okapi-test-module` passes for `okapi` where prefixes are compared.',
    remedy: 'Split product and version as Okapi does, and compare them whole.',
    name: (id) => id.replace(/-(?=\d)/, '-test-module-'),
  },
  {
    id: 'id-trailing-slash',
    title: 'the name with a slash behind it',
    meaning: 'A reader that normalises before it compares takes it for the real one.',
    remedy: BYTE_FOR_BYTE,
    name: (id) => `${id}/`,
  },
  {
    id: 'id-upper-case',
    title: 'the name in upper case',
    meaning: 'Where case is ignored in a comparison, two modules have the same name.',
    remedy: BYTE_FOR_BYTE,
    name: (id) => id.toUpperCase(),
  },
  {
    id: 'id-wildcard',
    title: 'a wildcard for the name',
    meaning: 'One certificate is accepted for every module.',
    remedy: 'Give wildcards no meaning.',
    name: () => '*',
  },
  {
    id: 'key-usage-wrong',
    title: 'a key that may not sign',
    meaning: 'A key that was certified for encryption is accepted as proof of who calls.',
    remedy: 'Want digitalSignature where KeyUsage is there.',
    shape: profile({ usages: ['keyAgreement'] }),
  },
  {
    id: 'not-yet-valid',
    title: 'a certificate that is not valid yet',
    meaning: 'Certificates made in advance for later are accepted today.',
    remedy: VALIDITY,
    shape: () => ({ hours: [24, 48] }),
  },
  {
    id: 'nul-in-id',
    title: 'a NUL inside the name',
    meaning: 'A reader of C strings sees the name before the NUL, and nothing behind it.',
    remedy: BYTE_FOR_BYTE,
    name: (id) => `${id}\0.rogue-1.0.0`,
  },
  {
    id: 'other-trust-domain',
    title: 'the name in another trust domain',
    meaning: 'If the CA also serves a test system, its certificates are accepted in production.',
    remedy: 'Compare the trust domain too.',
    shape: ({ trustDomain, stolenId }) => ({
      names: [moduleUri(`test.${trustDomain}`, stolenId)],
    }),
  },
  {
    id: 'revoked',
    title: 'a certificate that was revoked',
    meaning: 'A stolen key is still accepted after it was reported.',
    remedy: 'Give the target the CA’s current revocation list.',
    needs: ['authority', 'revocation'],
    shape: ({ authority }) => ({ serial: authority!.revokedSerial! }),
  },
  {
    id: 'self-signed',
    title: 'the right name, self-signed',
    meaning: 'Anyone who can make a key can take any identity.',
    remedy: 'Verify that the chain ends in the installation’s own CA.',
    needs: [],
    signer: () => 'self',
  },
  {
    id: 'sha1-signature',
    title: 'a certificate signed with SHA-1',
    meaning: 'Two certificates with one signature can be made: one asked for, one used.',
    remedy: 'Refuse signatures with SHA-1 anywhere in a chain.',
    handshake: ANY_LEVEL,
    shape: () => ({ digest: 'sha1' }),
  },
  {
    id: 'two-uris',
    title: 'two URI names in one certificate',
    meaning: 'One reader takes the first, another the last: two identities in one.',
    remedy: 'Refuse certificates without exactly one URI SAN.',
    shape: ({ trustDomain, stolenId }) => ({
      names: ['mod-rogue-1.0.0', stolenId].map((id) => moduleUri(trustDomain, id)),
    }),
  },
  {
    id: 'weak-key',
    title: 'an RSA key of 1024 bits',
    meaning: 'A key that can be computed from its certificate is accepted.',
    remedy: 'Refuse RSA below 2048 bits and curves below P-256.',
    handshake: ANY_LEVEL,
    async shape() {
      return { keys: await promisify(generateKeyPair)('rsa', { modulusLength: 1024 }) }
    },
  },
]

/** The right name with other extensions; `purposes` empty: no ExtendedKeyUsage at all. */
function profile({
  ca = false,
  usages = ['digitalSignature'],
  purposes = ['serverAuth', 'clientAuth'],
}: {
  ca?: boolean
  usages?: Parameters<typeof keyUsage>[0]
  purposes?: Parameters<typeof extendedKeyUsage>[0]
}) {
  return ({ trustDomain, stolenId }: Context): Partial<Shape> => ({
    extensions: (publicKey, issuerKey) => [
      basicConstraints({ ca }),
      keyUsage(usages),
      ...(purposes.length === 0 ? [] : [extendedKeyUsage(purposes)]),
      subjectKeyIdentifier(publicKey),
      authorityKeyIdentifier(issuerKey),
      subjectAltName([moduleUri(trustDomain, stolenId)]),
    ],
  })
}

async function certificate({ signer, name, shape }: CertificateRow, context: Context) {
  const { trustDomain, stolenId, authority } = context
  const parent = await (signer?.(context) ?? authority!.issuer)
  return forged(parent, {
    commonName: name === undefined ? stolenId : 'rogue',
    names: [moduleUri(trustDomain, name?.(stolenId) ?? stolenId)],
    ...(await shape?.(context)),
  })
}

/** An ordinary call with each of these certificates. */
export const CERTIFICATE_ATTACKS: readonly Attack[] = ROWS.map((row) => ({
  id: row.id,
  group: 'tls',
  title: row.title,
  meaning: row.meaning,
  judged: 'Any answer but a refusal means that the certificate was believed.',
  remedy: row.remedy,
  needs: row.needs ?? ['authority'],
  async run(context) {
    const pair: PemPair = await certificate(row, context)
    return ordinaryCall(context, { ...row.handshake, pair })
  },
}))
