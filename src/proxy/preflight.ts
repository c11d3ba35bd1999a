import { type Head, SERVED_METHODS } from '../wire/head.ts'
import { NAME } from './names.ts'

const OPTIONS = SERVED_METHODS.indexOf('OPTIONS')
/** A serialized origin (RFC 6454 section 6.2), or `null` for a page without one. */
const ORIGIN = /^(?:null|[a-z][a-z0-9+.-]*:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?)$/i
const METHOD = /^[!#$%&'*+.^_`|~0-9a-z-]{1,32}$/i

/**
 * Is it a browser's preflight? Okapi answers that itself, as other servers do, only if Origin and
 * Access-Control-Request-Method are both there (vertx-web CorsHandlerImpl, Fetch section 4.8):
 * every other OPTIONS is forwarded to a module.
 */
export function isPreflight(head: Head): boolean {
  if (head.method !== OPTIONS) return false
  return isOnce(head, NAME.origin, ORIGIN) && isOnce(head, NAME.accessControlRequestMethod, METHOD)
}

/** Does a field with this id occur once, with such a value? */
function isOnce(head: Head, id: number, pattern: RegExp): boolean {
  const first = head.find(id)
  if (first === -1 || !pattern.test(head.value(first))) return false
  for (let line = first + 1; line < head.count; line++) if (head.ids[line] === id) return false
  return true
}
