import { REASONS, type Reason } from '../../refusal/reasons.ts'
import type { Attack } from '../attack.ts'
import type { Context, DatabaseAtHand } from '../context.ts'
import {
  answerOf,
  cancelBytes,
  DatabaseConnection,
  type LoginEnd,
  logIn,
  REQUEST_FOR_TLS,
  startUp,
  startupBytes,
  waitingStatement,
} from '../database-talk.ts'
import type { DialTarget } from '../dial.ts'
import { type AttackFinding, blocked, gotThrough, inconclusive, notTried } from '../finding.ts'

/** The start-up messages for a session that a module must not have. */
interface StartupRow {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly judged?: string
  readonly remedy: string
  /** Tried one by one. */
  startups(database: DatabaseAtHand): readonly Readonly<Record<string, string>>[]
}

const ASKED = 'The server asks for a password, or lets it in: the start-up message was passed on.'
/** Names of superusers in PostgreSQL and FOLIO installations. */
const SUPERUSERS = ['postgres', 'folio_admin']
const POSTGRES_OWN = 'postgres'

const ROWS: readonly StartupRow[] = [
  {
    id: 'database-options',
    title: 'start-up options with -crole=',
    meaning: 'A module takes another role, or other settings, where its name alone was looked at.',
    remedy: 'Refuse `options` and every start-up parameter that is not listed.',
    startups: ({ role, database, otherRole }) => [
      { user: role, database, options: `-crole=${otherRole}` },
    ],
  },
  {
    id: 'database-other-database',
    title: 'another database',
    meaning: 'A module looks into databases that are not FOLIO’s, or another installation’s.',
    remedy: 'List the databases of the module, in `databases` and in pg_hba.conf.',
    startups: ({ role }) => [{ user: role, database: POSTGRES_OWN }],
  },
  {
    id: 'database-other-role',
    title: 'another module’s role',
    meaning: 'A module that learns or guesses a password reads the tables of another module.',
    remedy: 'List the roles of the module, in `roles` and in pg_ident.conf.',
    startups: ({ otherRole, database }) => [{ user: otherRole, database }],
  },
  {
    id: 'database-replication',
    title: 'a replication session',
    meaning: 'A module follows every change of the whole database.',
    remedy: 'Refuse `replication`, and give modules no role with REPLICATION.',
    startups: ({ role, database }) => [{ user: role, database, replication: 'database' }],
  },
  {
    id: 'database-superuser',
    title: 'a login as superuser',
    meaning: 'With its password one module has every table of every tenant, and the machine.',
    remedy: 'Let superusers in by the server’s own Unix socket only.',
    startups: ({ database }) => SUPERUSERS.map((user) => ({ user, database })),
  },
]

const fromRows: readonly Attack[] = ROWS.map(({ startups, ...row }) => ({
  judged: ASKED,
  ...row,
  group: 'database',
  needs: ['database'],
  async run(context) {
    const { database } = context
    if (database === undefined) return notTried('there is no database')
    let worst: AttackFinding | undefined
    for (const parameters of startups(database)) {
      const finding = await onConnection(context, async (connection) => {
        await connection.encryptIfOffered()
        return judged(await startUp(connection, parameters))
      })
      if (finding.outcome === 'got-through') return finding
      if (worst === undefined || finding.outcome === 'inconclusive') worst = finding
    }
    return worst!
  },
}))

/** RMB uses the tenant's id as the password of its role, unless a secret is configured. */
const tenantPassword: Attack = {
  id: 'database-tenant-password',
  group: 'database',
  title: 'another role, the tenant as password',
  meaning: 'Any module reads and changes the tables of any other, the users’ passwords too.',
  judged: 'The session is ready for queries; none is sent.',
  remedy: 'Let modules reach the server by their sidecars only, and give the roles own passwords.',
  needs: ['database'],
  async run(context) {
    const { database } = context
    if (database === undefined) return notTried('there is no database')
    return onConnection(context, async (connection) => {
      await connection.encryptIfOffered()
      const end = await logIn(connection, login(database), context.tenant)
      if (end.kind !== 'asked') return judged(end)
      return inconclusive(`the server asks for ${end.method}, which the probe does not know`)
    })
  },
}

/** CVE-2021-23214 and CVE-2021-23222: bytes sent before TLS were processed as if received within it. */
const injected: Attack = {
  id: 'database-injected',
  group: 'database',
  title: 'a start-up behind an SSLRequest',
  meaning: 'An attacker in the network adds statements to a session before it is encrypted.',
  judged: 'The start-up message is answered, plain or after the handshake.',
  remedy: 'Refuse bytes behind an SSLRequest; use PostgreSQL 14.1, 13.5 or later.',
  needs: ['database'],
  async run(context) {
    const { database } = context
    if (database === undefined) return notTried('there is no database')
    const { role: user, database: name } = database
    return onConnection(context, async (connection) => {
      connection.write(Buffer.concat([REQUEST_FOR_TLS, startupBytes({ user, database: name })]))
      const first = await connection.peek()
      // An ErrorResponse comes without a byte that answers the SSLRequest.
      if (first !== undefined && first !== 0x45) {
        if ((await connection.byte()) === 0x53) connection.encrypt()
      }
      return judged(await answerOf(connection))
    })
  },
}

/** A cancel request is a separate connection that names a session by number and key, without authentication. */
const foreignCancel: Attack = {
  id: 'database-cancel',
  group: 'database',
  title: 'a cancel request for a foreign session',
  meaning: 'A module that learns a session’s key ends the statements of another module.',
  judged: 'A statement in a session that was opened at the server ends with 57014.',
  remedy: 'Pass a cancel request on only for sessions of the same listener.',
  needs: ['database', 'database-server'],
  async run(context) {
    const { database } = context
    const server = database?.server
    if (database === undefined || server === undefined) return notTried('there is no server')
    return onConnection(
      context,
      async (connection) => {
        await connection.encryptIfOffered()
        const end = await logIn(connection, login(database), context.tenant)
        if (end.kind !== 'in') {
          return blocked(null, 'the server lets in no session, so the key of none is known')
        }
        const seconds = (context.timeoutMs * 0.6) / 1000
        const state = await waitingStatement(connection, seconds, async () => {
          const cancelling = new DatabaseConnection(context)
          cancelling.write(cancelBytes(end.key))
          await cancelling.byte()
          cancelling.close()
        })
        if (state === '57014') return gotThrough('the statement was cancelled')
        if (state === null) return blocked(null, 'the statement ran to its end')
        return inconclusive('the session ended before its statement did')
      },
      server,
    )
  },
}

/** The server's own port, without TLS. */
const serverPlain: Attack = {
  id: 'database-server-plain',
  group: 'database',
  title: 'the server itself, plain',
  meaning: 'A module goes past its sidecar, and passwords and data cross the network unencrypted.',
  judged: 'The server asks for a password, or lets it in, without TLS.',
  remedy: 'Close the server’s port to all but the sidecars; have only hostssl in pg_hba.conf.',
  needs: ['database', 'database-server'],
  async run(context) {
    const { database } = context
    if (database?.server === undefined) return notTried('there is no server')
    const { role: user, database: name, server } = database
    return onConnection(
      context,
      async (connection) => {
        const end = await startUp(connection, { user, database: name })
        // Nothing reachable is the desired result.
        if (end.kind === 'ended') return blocked(null, `no answer from the server (${end.how})`)
        return judged(end)
      },
      server,
    )
  },
}

/** At the database: past the sidecar of the hijacked module, or through it. */
export const DATABASE_ATTACKS: readonly Attack[] = [
  ...fromRows,
  tenantPassword,
  injected,
  foreignCancel,
  serverPlain,
]

function login({ otherRole, database }: DatabaseAtHand) {
  return { user: otherRole, database, application_name: 'okapi-sidecar probe' }
}

type Judged = Omit<AttackFinding, 'evidence'>

async function onConnection(
  context: Context,
  judge: (connection: DatabaseConnection) => Promise<Judged>,
  endpoint?: DialTarget,
): Promise<AttackFinding> {
  const connection = new DatabaseConnection(context, endpoint)
  try {
    const finding = await judge(connection)
    return { ...finding, evidence: connection.evidence() }
  } finally {
    connection.close()
  }
}

/** The start-up message for the module's own role, which must be let in. */
export async function ordinaryLogin(
  context: Context,
  database: DatabaseAtHand,
): Promise<AttackFinding> {
  const { role: user, database: name } = database
  return onConnection(context, async (connection) => {
    await connection.encryptIfOffered()
    return judged(await startUp(connection, { user, database: name }))
  })
}

function judged(end: LoginEnd): Judged {
  switch (end.kind) {
    case 'asked':
      return gotThrough(`the server asks for ${end.method}`)
    case 'in':
      return gotThrough('the server let it in')
    case 'error':
      return refused(end.fields)
    case 'ended':
      if (end.how === 'closed') return blocked(null, 'the connection was closed without an answer')
      return inconclusive(
        end.how === 'refused' ? 'nothing listens there' : 'no answer came in time',
      )
  }
}

/** Classes of SQLSTATE that a server sends after it has accepted the role. */
const BEHIND_LOGIN = /^(?:22|3D|42)/
/** Too many sessions, starting, stopping, or a pooler without its server. */
const NOT_UP = /^(?:53|57|08(?!P01))/

function refused({ C: state = '', M: sentence = '' }: Readonly<Record<string, string>>): Judged {
  const [, reason] = /\(okapi-sidecar: ([a-z-]+)\)/.exec(sentence) ?? []
  if (reason !== undefined && Object.hasOwn(REASONS, reason)) {
    const { phase } = REASONS[reason as Reason]
    if (phase === 'upstream' || phase === 'capacity') {
      return inconclusive(`the sidecar answered ${reason}: what is behind is not up`)
    }
    return blocked(reason, `the sidecar refused with ${state} ${reason}`)
  }
  const said = `${state}: ${sentence.slice(0, 120)}`
  if (BEHIND_LOGIN.test(state)) return gotThrough(`the server let it in and then said ${said}`)
  if (NOT_UP.test(state)) return inconclusive(`the server is not up: ${said}`)
  return blocked(null, `the server refused with ${said}`)
}
