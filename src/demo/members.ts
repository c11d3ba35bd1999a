/** The modules of the demo; each has a file with its product's name, and a descriptor. */
export const MODULES = {
  users: 'mod-users-19.7.0',
  notes: 'mod-notes-8.1.0',
  authtoken: 'mod-authtoken-2.18.0',
  /** The hijacked one. */
  tags: 'mod-tags-3.1.0',
} as const

/** Okapi's id, the only caller that modules accept. */
export const OKAPI = 'okapi-7.2.0'

export const TRUST_DOMAIN = 'folio.test'

/** All members with a certificate and a sidecar. */
export const MEMBERS = [OKAPI, ...Object.values(MODULES)] as const

/** One of them. */
export type Member = (typeof MEMBERS)[number]

/** `mod-users` of `mod-users-19.7.0`. */
export function product(id: string): string {
  return id.replace(/-\d.*$/, '')
}

/** The tenant of the demo's library. */
export const TENANT = 'diku'

/** A user of the demo. */
export interface Person {
  readonly id: string
  readonly username: string
  readonly name: string
}

/** A librarian. She may read notes, tags and the list of users. */
export const ANNA: Person = {
  id: '8c3f8a5e-2f64-4d6e-9b1d-0a4e5c1f7d10',
  username: 'anna',
  name: 'Anna Lind',
}

/** Another user, whose record is worth stealing. */
export const BO: Person = {
  id: '1b7d4f0a-6f0e-4f43-8a51-7a3f5f7a9c22',
  username: 'bo',
  name: 'Bo Larsen',
}

/** The note that the one honest call of the demo asks for. */
export const NOTE_ID = '5d0a1c4e-93c5-4a0f-8a30-2c7f6b9e1d01'
