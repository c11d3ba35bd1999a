import { authorityExtensions, BACKDATED_MS, type Issuer, issuer } from '../../src/pki/issuer.ts'
import { makeKeys } from '../../src/pki/keys.ts'
import { makeCertificate } from '../../src/x509/certificate.ts'

/** An intermediate that signs leaves only, as an organisation's own CA may have it. */
export async function makeIntermediate(
  parent: Issuer,
  options: { readonly commonName: string; readonly now: Date; readonly validForMs: number },
): Promise<Issuer> {
  const { publicKey, privateKey } = await makeKeys()
  const from = options.now.getTime()
  const der = makeCertificate({
    subject: { commonName: options.commonName },
    issuer: parent.name,
    publicKey,
    signWith: parent.key,
    notBefore: new Date(from - BACKDATED_MS),
    notAfter: new Date(from + options.validForMs),
    extensions: authorityExtensions(publicKey, parent.keyId, 0),
  })
  return { ...issuer(der, privateKey), chain: [der, ...parent.chain] }
}
