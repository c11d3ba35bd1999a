/** The modules of the demo; each has a file of its product's name, and a descriptor. */
export const MODULES = {
  users: 'mod-users-19.7.0',
  notes: 'mod-notes-8.1.0',
  authtoken: 'mod-authtoken-2.18.0',
  /** The hijacked one. */
  tags: 'mod-tags-3.1.0',
} as const

/** Okapi's id, which is what modules take calls from. */
export const OKAPI = 'okapi-7.2.0'

export const TRUST_DOMAIN = 'folio.test'

/** All that get a certificate and a sidecar. */
export const MEMBERS = [OKAPI, ...Object.values(MODULES)] as const

/** One of them. */
export type Member = (typeof MEMBERS)[number]

/** `mod-users` of `mod-users-19.7.0`. */
export function product(id: string): string {
  return id.replace(/-\d.*$/, '')
}
