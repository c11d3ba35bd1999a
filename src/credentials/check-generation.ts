import { Fault } from '../fault.ts'
import { issuedRecords, revokedOf } from '../trust/revocation.ts'
import type { BoundCrl } from '../x509/crl.ts'
import { toPem } from '../x509/pem.ts'
import { contentHashOf, type Expectation, type Generation } from './generation.ts'
import { checkHandshakes } from './handshake-problems.ts'
import { checkMode, Problems, type RawFile, type RawMaterial } from './raw-material.ts'
import { readBundle } from './read-bundle.ts'
import { readCrls } from './read-crls.ts'
import { type OwnChain, readOwnChain } from './read-own-chain.ts'

/**
 * Checks everything together, including trial handshakes, for start, reload and `check`. Throws a
 * Fault that names every problem found.
 */
export async function checkGeneration(
  raw: RawMaterial,
  expected: Expectation,
): Promise<Generation> {
  const problems = new Problems()
  const generation = read(raw, expected, problems)
  await checkHandshakes(generation, raw, expected, problems)
  if (problems.any) throw new Fault(problems.all)
  return { ...generation, warnings: problems.all }
}

/** The same without handshakes, for what has been checked elsewhere. Throws a Fault. */
export function readGeneration(
  raw: RawMaterial,
  expected: Omit<Expectation, 'lookWith'>,
): Generation {
  return read(raw, expected, new Problems())
}

function read(
  raw: RawMaterial,
  expected: Omit<Expectation, 'lookWith'>,
  problems: Problems,
): Generation {
  for (const file of [raw.key, raw.cert, raw.ca, raw.crl]) {
    if (file !== undefined) checkMode(file, file === raw.key, problems)
  }
  const bundle = readBundle(raw.ca, expected.now, problems, raw.byAgent)
  const { now, knownCrls: known = [] } = expected
  const lists = bundle && readCrls(raw.crl, { bundle, now, known }, problems)
  const own = readOwnChain(raw, bundle, expected, problems)
  if (problems.any || bundle === undefined || lists === undefined || own === undefined) {
    throw new Fault(problems.all)
  }
  const { crls } = lists
  warnOfOwnRevocation(own, crls, raw.cert, problems)
  const material = {
    keyPem: own.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certPem: own.presented.map(({ der }) => toPem('CERTIFICATE', der)).join(''),
    caPems: bundle.authorities.map(({ der }) => toPem('CERTIFICATE', der)),
    crlPems: crls.map(({ der }) => toPem('X509 CRL', der)),
  }
  return {
    number: expected.number ?? 1,
    ...material,
    ...own,
    bundle,
    byAgent: raw.byAgent === true,
    crls,
    crlsKept: lists.kept,
    crlsEnd: crls.length === 0 ? undefined : Math.min(...crls.map((crl) => crl.nextUpdate)),
    loadedAt: expected.now,
    contentHash: contentHashOf(raw),
    warnings: problems.all,
  }
}

/** New lists must take effect even if our own certificate is on one, so this is not an error. */
function warnOfOwnRevocation(
  { chain }: OwnChain,
  crls: readonly BoundCrl[],
  file: RawFile,
  problems: Problems,
): void {
  const revoked = revokedOf(issuedRecords(chain), crls)
  if (revoked === undefined) return
  const message = `our own certificate is revoked: ${revoked.because}; peers will refuse us`
  problems.warning(file.path, message, 'issue a new key and certificate')
}
