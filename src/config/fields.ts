import * as z from 'zod'
import {
  type Parsed,
  parseBroker,
  parseDatabaseServer,
  parseForward,
  parseListen,
  parseModule,
  parsePeer,
  parsePeerName,
  parsePortRange,
  parseTemplate,
  parseUnixSocket,
} from './addresses.ts'
import { parseNetwork } from './networks.ts'

/** A string that `parse` turns into a value; what is wrong with it becomes the issue. */
export function parsed<T>(parse: (text: string) => Parsed<T>) {
  return z.string().transform((text, context): T => {
    const result = parse(text)
    if ('value' in result) return result.value
    context.issues.push({ code: 'custom', message: result.wrong, input: text })
    return z.NEVER
  })
}

/** Where a listener binds. */
export const listen = () => parsed(parseListen)

/** The first and last port of a listener per module. */
export const portRange = () => parsed(parsePortRange)

/** The module behind this sidecar, plain. */
export const forward = () => parsed(parseForward)

/** A sidecar elsewhere, over mutual TLS. */
export const peer = () => parsed(parsePeer)

/** A database server. */
export const databaseServer = () => parsed(parseDatabaseServer)

/** A broker of a Kafka cluster. */
export const broker = () => parsed(parseBroker)

/** One address, or a network of them. */
export const network = () => parsed(parseNetwork)

/** A socket of another process on this machine. */
export const unixSocket = () => parsed(parseUnixSocket)

/** A module id, split as Okapi splits it. */
export const moduleId = () => parsed(parseModule)

/** A module id, or a product for every version of it. */
export const pin = () => parsed(parsePeerName)

/** A value of `url`: an origin, and the path of Okapi's own URL where it has one. */
export const publicUrl = () => parsed(parseUrl)

/** One value or a list of them; always a list afterwards. */
export function oneOrMore<T extends z.ZodType>(item: T) {
  return z.union([item.transform((value) => [value] as const), z.array(item).min(1)])
}

/** An address template of `egress.modules`. */
const template = () => parsed(parseTemplate)

/**
 * Templates for all, or a table of them. `*` in the table stands for every module that it does not
 * name.
 */
export const addressing = () =>
  z.union([
    oneOrMore(template()).transform((all) => ({ '*': all })),
    z.record(z.string().min(1), oneOrMore(template())),
  ])

/** SPIFFE trust domain: lower-case letters, digits, `.`, `-`, `_`, at most 255 of them. */
export const trustDomainField = () =>
  parsed<string>((text) =>
    /^[a-z0-9._-]{1,255}$/.test(text)
      ? { value: text }
      : { wrong: 'must be lower-case letters, digits, `.`, `-` and `_`, as folio.example.org' },
  )

/** A moment, in milliseconds since 1970: a day stands for its first moment (UTC). */
export const momentField = () => dateField().transform((text) => Date.parse(text))

/** A day, or a day and a time with its zone; it stays text, the policy says which end of a day counts. */
export const dateField = () =>
  parsed<string>((text) => {
    const day = /^\d{4}-\d{2}-\d{2}$/.test(text)
    const full = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})$/.test(text)
    const at = day || full ? Date.parse(text) : Number.NaN
    return Number.isNaN(at) || (day && new Date(at).toISOString().slice(0, 10) !== text)
      ? { wrong: 'must be a date as 2027-01-31, or with a time as 2027-01-31T12:00:00Z' }
      : { value: text }
  })

/** The SHA-256 of a public key (SPKI), as `curl --pinnedpubkey` writes it; lower-case hex afterwards. */
export const keyPin = () =>
  parsed<string>((text) => {
    const digest = Buffer.from(text.replace(/^sha256\/\/?/, ''), 'base64')
    const good = /^sha256\/\/?[A-Za-z0-9+/]{43}=$/.test(text) && digest.length === 32
    return good ? { value: digest.toString('hex') } : { wrong: 'must be sha256//BASE64' }
  })

/** Milliseconds; `least` 0 where 0 has a meaning. */
export const ms = (byDefault: number, least = 1) =>
  z
    .int()
    .min(least)
    .max(2 ** 31 - 1)
    .default(byDefault)
    .meta({ description: 'Milliseconds' })

/** A number of things or bytes. */
export const count = (byDefault: number, most = 2 ** 31 - 1) =>
  z.int().min(1).max(most).default(byDefault)

/** A reason given by the operator; it must not be empty. */
export const why = () => z.string().trim().min(1)

function parseUrl(text: string): Parsed<string> {
  const match = /^https?:\/\/[^\s/?#@]+((?:\/[A-Za-z0-9._~-]+)*)$/.exec(text.replace(/\/$/, ''))
  if (match === null) return { wrong: 'must be http://HOST[:PORT], or with a path as /okapi' }
  const dots = match[1]!.split('/').some((segment) => segment === '.' || segment === '..')
  return dots ? { wrong: 'must not have `.` or `..` in its path' } : { value: match[0] }
}
