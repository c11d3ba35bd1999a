import { HEADER_BYTES, message } from './protocol.ts'

// Types of messages in the answer to a simple query.
const ROW_DESCRIPTION = 0x54 // T
const DATA_ROW = 0x44 // D
const COMMAND_COMPLETE = 0x43 // C
const ERROR_RESPONSE = 0x45 // E
const NOTICE_RESPONSE = 0x4e // N

/** More need not be named. */
const MOST = 5

// Superusers, those that replicate (logical decoding reads every table, and a slot keeps the
// server's log until its disk is full), the roles that read and write files or start programs as
// the server's owner, and those that read or write the data of all: pg_authid.dat has their OIDs. A
// role may have its own search_path and operators, so each name includes its schema.
const IS_POWERFUL = `(r.rolsuper OR r.rolreplication OR r.oid OPERATOR(pg_catalog.=) ANY ('{4569,4570,4571,6181,6182}'::pg_catalog.oid[]))`
// Up to PostgreSQL 15 such a role may grant itself every role but superusers, those above included.
const MAY_GRANT_ITSELF = `(r.rolcreaterole AND pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.<) 160000)`
// NULL stands for a role of the second kind; powerful ones come first.
const SQL = `SELECT CASE WHEN ${IS_POWERFUL} THEN r.rolname END FROM pg_catalog.pg_roles r
WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER') AND (${IS_POWERFUL} OR ${MAY_GRANT_ITSELF}) ORDER BY 1 LIMIT ${MOST}`
/** Length of a value: NULL. */
const NULL = -1

/**
 * The sidecar's own query before the client may use a session: which superusers may the role
 * become? The server would report a change only after all statements of one string, when the
 * session may already have changed back.
 */
export class MembershipQuestion {
  static readonly bytes: Buffer = message(0x51, Buffer.from(`${SQL}\0`))

  readonly #roles: string[] = []
  #failed = false
  /** May it grant itself other roles? */
  grantsItself = false
  /** The server has said that these are all. */
  #complete = false

  /** The roles; undefined: the server did not say. */
  get roles(): readonly string[] | undefined {
    return this.#complete && !this.#failed ? this.#roles : undefined
  }

  /** Reads a message of the answer, except ReadyForQuery. @returns false: it is unexpected */
  take(type: number, whole: Buffer): boolean {
    switch (type) {
      case ERROR_RESPONSE:
        this.#failed = true
        return true
      case DATA_ROW:
        // Int16, the number of columns; Int32, the length of the first.
        if (whole.length < HEADER_BYTES + 6) return false
        if (whole.readInt32BE(HEADER_BYTES + 2) === NULL) {
          this.grantsItself = true
          return true
        }
        this.#roles.push(whole.subarray(HEADER_BYTES + 6).toString())
        return whole.length > HEADER_BYTES + 6 && this.#roles.length <= MOST
      case COMMAND_COMPLETE:
        this.#complete = true
        return true
      case ROW_DESCRIPTION:
      case NOTICE_RESPONSE:
        return true
      default:
        return false
    }
  }
}
