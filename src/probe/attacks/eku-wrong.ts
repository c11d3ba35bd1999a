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

export const ekuWrong = certificateAttack({
  id: 'eku-wrong',
  title: 'a certificate made for other purposes',
  meaning: 'A certificate for signing code or mail identifies a module.',
  remedy: 'Want the purpose clientAuth of callers.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, stolenId)]
    return forged(authority!.issuer, {
      commonName: stolenId,
      extensions: (publicKey, issuerKey) => {
        return [
          basicConstraints({ ca: false }),
          keyUsage(['digitalSignature']),
          extendedKeyUsage(['codeSigning', 'emailProtection']),
          subjectKeyIdentifier(publicKey),
          authorityKeyIdentifier(issuerKey),
          subjectAltName(names),
        ]
      },
    })
  },
})
