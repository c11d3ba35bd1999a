import { join } from 'node:path'
import { findPostgres } from '../../src/demo/database.ts'
import { fault } from '../../src/fault.ts'
import { locate } from '../tools.ts'

/** Programs that the comparison of database proxies needs. */
export interface DatabaseTools {
  /** Folder of postgres, initdb, psql and pgbench. */
  readonly postgres: string
  readonly pgbouncer: string
  readonly stunnel: string
}

/** Finds them. Throws a Fault that says how to get what is missing. */
export function findDatabaseTools(): DatabaseTools {
  const postgres = findPostgres()
  const pgbouncer = locate('pgbouncer')
  const stunnel = locate('stunnel')
  const whole = postgres !== undefined && locate('pgbench', [postgres]) !== undefined
  if (whole && pgbouncer !== undefined && stunnel !== undefined) {
    return { postgres, pgbouncer, stunnel }
  }
  throw fault('PostgreSQL with pgbench, PgBouncer and stunnel are needed', {
    hint: 'apt-get install --no-install-recommends postgresql pgbouncer stunnel4',
  })
}

/** A program of PostgreSQL. */
export function program({ postgres }: DatabaseTools, name: string): string {
  return join(postgres, name)
}
