import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { DerError } from '../x509/der.ts'
import { PemError, splitPem } from '../x509/pem.ts'
import type { Problems } from './problems.ts'
import type { RawFile } from './source.ts'

/** The certificates of a PEM file, in order; undefined where anything in it cannot be read. */
export function readCertificates(
  file: RawFile,
  problems: Problems,
): readonly Certificate[] | undefined {
  return readBlocks(file, 'CERTIFICATE', parseCertificate, problems)
}

/** The command that makes PEM of a file. */
export function remedyIn({ remedy }: PemError, { path }: RawFile): string | undefined {
  return remedy?.replaceAll('FILE', path)
}

/** Every block of a PEM file, parsed; undefined, and a problem, where one of them cannot be. */
export function readBlocks<T>(
  file: RawFile,
  label: string,
  parse: (der: Uint8Array) => T,
  problems: Problems,
): readonly T[] | undefined {
  if (file.bytes.length === 0) {
    problems.error(file.path, 'the file is empty')
    return undefined
  }
  try {
    const blocks = splitPem(file.bytes, [label])
    if (blocks.length === 0) problems.error(file.path, `there is no ${label} in it`)
    return blocks.length === 0 ? undefined : blocks.map(({ der }) => parse(der))
  } catch (error) {
    if (error instanceof PemError) problems.error(file.path, error.message, remedyIn(error, file))
    else if (error instanceof DerError) {
      problems.error(file.path, `a ${label} in it is broken: ${error.message}`)
    } else throw error
    return undefined
  }
}
