import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../pki/extensions.ts'
import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const keyUsageWrong = certificateAttack({
  id: 'key-usage-wrong',
  title: 'a key that may not sign',
  meaning: 'A key certified for encryption only proves who calls.',
  remedy: 'Want digitalSignature where KeyUsage is there.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, stolenId)]
    return forged(authority!.issuer, {
      commonName: stolenId,
      extensions: (publicKey, issuerKey) => {
        return [
          basicConstraints({ ca: false }),
          keyUsage(['keyAgreement']),
          extendedKeyUsage(['serverAuth', 'clientAuth']),
          subjectKeyIdentifier(publicKey),
          authorityKeyIdentifier(issuerKey),
          subjectAltName(names),
        ]
      },
    })
  },
})
