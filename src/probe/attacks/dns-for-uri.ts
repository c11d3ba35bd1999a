import { certificateAttack } from '../certificate-attack.ts'
import { forged } from '../forge.ts'

export const dnsForUri = certificateAttack({
  id: 'dns-for-uri',
  title: 'a DNS name in place of the URI',
  meaning: 'Whoever may have a host name certified takes a module’s identity.',
  remedy: 'Take identity from the one URI SAN and from nothing else.',
  needs: ['authority'],
  async pair({ stolenId, authority }) {
    const names = [{ kind: 'dns', value: stolenId } as const]
    return forged(authority!.issuer, { commonName: stolenId, names })
  },
})
