import * as z from 'zod'
import { isLoopback, type Listen, parseListen } from './addresses.ts'
import { get, type Raw } from './document.ts'
import { count, databaseServer, listen, ms, oneOrMore, parsed } from './fields.ts'
import type { Flaw } from './issues.ts'

/** One listener for PostgreSQL, and the server behind it. */
export interface DatabaseSettings {
  readonly listen: Listen
  /** Tried in this order. */
  readonly servers: readonly { readonly host: string; readonly port: number }[]
  /** The name that the server's certificate must have, instead of the host of `server`. */
  readonly serverName: string | undefined
  readonly sslNegotiation: 'postgres' | 'direct'
  /** Bundle of the server's authorities; undefined: the sidecar's own. */
  readonly trust: string | undefined
  readonly clientCertificate: 'own' | 'none'
  readonly databases: readonly string[]
  readonly roles: readonly string[]
  readonly parameters: readonly string[]
  readonly authentication: readonly ('scram-sha-256' | 'md5' | 'password' | 'cert')[]
  readonly superuser: 'refuse' | 'report'
  readonly mode: 'enforce' | 'report'
}

const name = () =>
  parsed<string>((text) =>
    text === '' || text.includes('\0') || Buffer.byteLength(text) > 63
      ? { wrong: 'must be a name of 1 to 63 bytes: PostgreSQL cuts longer ones' }
      : { value: text },
  )

/** A name, or one with `{tenant}` once and something of its own beside it. */
const rolePattern = () =>
  parsed<string>((text) => {
    const parts = text.split('{tenant}')
    if (parts.length > 2) return { wrong: 'may have `{tenant}` once' }
    if (parts.join('') === '') return { wrong: 'would be the role of any module' }
    if (/[{}*]/.test(parts.join(''))) return { wrong: 'may only have the placeholder `{tenant}`' }
    if (Buffer.byteLength(parts.join('')) > 63) return { wrong: 'is longer than 63 bytes' }
    return { value: text }
  })

/** One entry of `postgres` as it is written. */
export const databaseEntry = () =>
  z.strictObject({
    listen: listen().meta({
      description:
        'Where the module finds its database: 127.0.0.1:5432, or unix:/path/.s.PGSQL.5432',
    }),
    server: oneOrMore(databaseServer()).meta({
      description: 'The PostgreSQL server, HOST:PORT; several are tried in order',
    }),
    serverName: z.string().min(1).optional().meta({
      description: 'The name in the server’s certificate, where it is not the host of server',
    }),
    sslNegotiation: z.enum(['postgres', 'direct']).default('postgres').meta({
      description: 'How TLS begins, as libpq’s sslnegotiation; direct needs PostgreSQL 17',
    }),
    trust: z.string().min(1).optional().meta({
      description: 'PEM file with the authorities of the server; default: the sidecar’s own bundle',
    }),
    clientCertificate: z.enum(['own', 'none']).default('own').meta({
      description: 'The client certificate for the server: that of this sidecar, or none',
    }),
    databases: z.array(name()).min(1).meta({ description: 'Databases that the module may use' }),
    roles: z.array(rolePattern()).min(1).optional().meta({
      description:
        'Roles that it may log in as, {tenant} for any tenant; default: {tenant}_ and the product',
    }),
    parameters: z
      .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_.]*$/))
      .default([])
      .meta({
        description: 'Further start-up parameters that it may set, as search_path or options',
      }),
    authentication: z
      .array(z.enum(['scram-sha-256', 'md5', 'password', 'cert']))
      .min(1)
      .default(['scram-sha-256'])
      .meta({
        description: 'Authentication methods that the server may use, as named in pg_hba.conf',
      }),
    superuser: z.enum(['refuse', 'report']).default('refuse').meta({
      description:
        'What happens to a session whose role is a superuser according to the server, or may become one',
    }),
    mode: z.enum(['enforce', 'report']).default('enforce').meta({
      description: 'report: roles and superusers pass and are recorded',
    }),
  })

/** `postgres` of the file: one entry, or a list. */
export const databases = () =>
  oneOrMore(databaseEntry()).meta({
    description: 'Plain from the module, TLS to a PostgreSQL server; one entry or a list',
  })

/** The keys of `limits` that are about database sessions. */
export const databaseLimits = () => ({
  databaseSessions: count(512).meta({
    description:
      'Sessions with database servers, all postgres listeners together; max_connections of a server is 100 by default',
  }),
  databaseLoginMs: ms(60_000).meta({
    description: 'Milliseconds from a start-up message to the end of the login',
  }),
  databaseIdleMs: ms(0, 0).meta({
    description: 'Milliseconds in which nothing passes in a database session; 0: unlimited',
  }),
})

type WrittenEntry = z.output<ReturnType<typeof databaseEntry>>

/** Gives an entry the shape in which it is used. RMB names roles so (PostgresClient, ModuleName). */
export function databaseOf(
  { server, roles, trust, serverName, parameters, ...rest }: WrittenEntry,
  product: string,
  absolute: (path: string) => string,
): DatabaseSettings {
  return {
    ...rest,
    servers: server,
    serverName,
    trust: trust === undefined ? undefined : absolute(trust),
    roles: roles ?? [`{tenant}_${product.replaceAll('-', '_')}`],
    parameters: parameters.map((each) => each.toLowerCase()),
  }
}

/** What is wrong with `postgres`, beyond the form of each key. */
export function databaseFlaws(raw: Raw, plainAllowed: boolean): Flaw[] {
  const written = get(raw, ['postgres'])
  const isList = Array.isArray(written)
  const entries: readonly unknown[] = isList ? written : written === undefined ? [] : [written]
  return entries.flatMap((each, i) => {
    const path = isList ? ['postgres', i] : ['postgres']
    if (typeof each !== 'object' || each === null) return []
    const { listen: bound, clientCertificate, authentication } = each as Record<string, unknown>
    return [
      ...(plainAllowed ? [] : beyondLoopback(bound, path)),
      ...certAlone(clientCertificate, authentication, path),
    ]
  })
}

function beyondLoopback(written: unknown, path: readonly PropertyKey[]): Flaw[] {
  const address = typeof written === 'string' ? parseListen(written) : undefined
  if (address === undefined || 'wrong' in address || isLoopback(address.value)) return []
  const message = '`postgres.listen` is plain and must stay on loopback or a Unix socket'
  const hint = 'use 127.0.0.1 or [::1]; or set allowPlainBeyondLoopback: WHY'
  return [{ path: [...path, 'listen'], message, hint }]
}

function certAlone(certificate: unknown, methods: unknown, path: readonly PropertyKey[]): Flaw[] {
  if (certificate !== 'none' || !Array.isArray(methods) || !methods.includes('cert')) return []
  const message =
    '`authentication: [cert]` needs `clientCertificate: own`: nothing else proves the role'
  return [{ path: [...path, 'authentication'], message }]
}
