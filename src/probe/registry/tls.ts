import type { Attack } from '../attack.ts'
import { alpnOtherProtocol } from '../attacks/alpn-other-protocol.ts'
import { caAsLeaf } from '../attacks/ca-as-leaf.ts'
import { cnOnly } from '../attacks/cn-only.ts'
import { dnsForUri } from '../attacks/dns-for-uri.ts'
import { ekuMissing } from '../attacks/eku-missing.ts'
import { ekuWrong } from '../attacks/eku-wrong.ts'
import { expired } from '../attacks/expired.ts'
import { foreignCa } from '../attacks/foreign-ca.ts'
import { idLookAlike } from '../attacks/id-look-alike.ts'
import { idPercent } from '../attacks/id-percent.ts'
import { idProductPrefix } from '../attacks/id-product-prefix.ts'
import { idTrailingSlash } from '../attacks/id-trailing-slash.ts'
import { idUpperCase } from '../attacks/id-upper-case.ts'
import { idWildcard } from '../attacks/id-wildcard.ts'
import { keyUsageWrong } from '../attacks/key-usage-wrong.ts'
import { noCertificate } from '../attacks/no-certificate.ts'
import { notYetValid } from '../attacks/not-yet-valid.ts'
import { nulInId } from '../attacks/nul-in-id.ts'
import { otherTrustDomain } from '../attacks/other-trust-domain.ts'
import { plaintext } from '../attacks/plaintext.ts'
import { renegotiation } from '../attacks/renegotiation.ts'
import { resumption } from '../attacks/resumption.ts'
import { revoked } from '../attacks/revoked.ts'
import { selfSigned } from '../attacks/self-signed.ts'
import { sha1Signature } from '../attacks/sha1-signature.ts'
import { sniOtherName } from '../attacks/sni-other-name.ts'
import { stalledHandshake } from '../attacks/stalled-handshake.ts'
import { targetIdentity } from '../attacks/target-identity.ts'
import { tls10 } from '../attacks/tls-1-0.ts'
import { tls11 } from '../attacks/tls-1-1.ts'
import { twoUris } from '../attacks/two-uris.ts'
import { weakCiphers } from '../attacks/weak-ciphers.ts'
import { weakKey } from '../attacks/weak-key.ts'

/** The handshake: who may connect, and how. */
export const TLS: readonly Attack[] = [
  alpnOtherProtocol,
  caAsLeaf,
  cnOnly,
  dnsForUri,
  ekuMissing,
  ekuWrong,
  expired,
  foreignCa,
  idLookAlike,
  idPercent,
  idProductPrefix,
  idTrailingSlash,
  idUpperCase,
  idWildcard,
  keyUsageWrong,
  noCertificate,
  notYetValid,
  nulInId,
  otherTrustDomain,
  plaintext,
  renegotiation,
  resumption,
  revoked,
  selfSigned,
  sha1Signature,
  sniOtherName,
  stalledHandshake,
  targetIdentity,
  tls10,
  tls11,
  twoUris,
  weakCiphers,
  weakKey,
]
