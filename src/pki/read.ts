import { addressText } from './address.ts'
import { contents, type Der, decode, dotted, isTagged, members } from './der.ts'
import type { Extension } from './extensions.ts'

/** The names of a SubjectAltName by kind, each in the order in which they stand. */
export interface Names {
  readonly uris: readonly string[]
  readonly dns: readonly string[]
  readonly ips: readonly string[]
  /** How many names there are of kinds that no certificate of ours has. */
  readonly others: number
}

const NO_NAMES: Names = { uris: [], dns: [], ips: [], others: 0 }
const SUBJECT_ALT_NAME = '2.5.29.17'
const SUBJECT_KEY_ID = '2.5.29.14'

/** The names in a certificate's SubjectAltName; throws on bytes that are no certificate. */
export function certificateNames(der: Uint8Array): Names {
  return namesAmong(certificateExtensions(der))
}

/** The key identifier in a certificate; undefined where it has none. Throws like `certificateNames`. */
export function subjectKeyId(der: Uint8Array): Buffer | undefined {
  const found = certificateExtensions(der).find(({ oid }) => oid === SUBJECT_KEY_ID)
  return found && contents(decode(found.value))
}

function certificateExtensions(der: Uint8Array): readonly Extension[] {
  const [tbs] = members(decode(der))
  const holder = members(tbs).find((field) => isTagged(field, 3))
  return holder === undefined ? [] : readExtensions(members(holder)[0])
}

/** The names among extensions; none where there is no SubjectAltName. */
export function namesAmong(extensions: readonly Extension[]): Names {
  const found = extensions.find(({ oid }) => oid === SUBJECT_ALT_NAME)
  if (found === undefined) return NO_NAMES
  const all = members(decode(found.value))
  const texts = (tag: number) =>
    all.filter((name) => isTagged(name, tag)).map((name) => contents(name))
  const uris = texts(6).map((bytes) => bytes.toString('latin1'))
  const dns = texts(2).map((bytes) => bytes.toString('latin1'))
  const ips = texts(7).map(addressText)
  return { uris, dns, ips, others: all.length - uris.length - dns.length - ips.length }
}

/** `SEQUENCE OF Extension`, as certificates and requests hold it. */
export function readExtensions(list: Der | undefined): readonly Extension[] {
  return members(list).map((extension) => {
    const fields = members(extension)
    const critical = fields.length === 3 && contents(fields[1])[0] !== 0
    return { oid: dotted(fields[0]), critical, value: contents(fields.at(-1)) }
  })
}
