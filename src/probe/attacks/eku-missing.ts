import {
  authorityKeyIdentifier,
  basicConstraints,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../pki/extensions.ts'
import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const ekuMissing = certificateAttack({
  id: 'eku-missing',
  title: 'a certificate without any purpose',
  meaning: 'A certificate made for anything at all identifies a module.',
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
          subjectKeyIdentifier(publicKey),
          authorityKeyIdentifier(issuerKey),
          subjectAltName(names),
        ]
      },
    })
  },
})
