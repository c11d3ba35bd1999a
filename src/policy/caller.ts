import { isOkapi, productOf } from '../folio/module-id.ts'

/**
 * The caller, as proven by its connection. `none`: a peer without any identity; `plain`: a caller
 * of the migration listener. Every identity that the certificate's check returns is structurally
 * one of the first three.
 */
export type Caller =
  | { readonly kind: 'module'; readonly id: string }
  | { readonly kind: 'operator'; readonly name: string }
  | { readonly kind: 'client'; readonly name: string }
  | { readonly kind: 'public' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'none' }

/** The caller as logs, grants and the command line spell it: `mod-users-19.7.0`, `operator/anna`. */
export function callerName(caller: Caller): string {
  switch (caller.kind) {
    case 'module':
      return caller.id
    case 'operator':
    case 'client':
      return `${caller.kind}/${caller.name}`
    default:
      return caller.kind
  }
}

/** Parses what `callerName` writes; any other text is a module id, known or not. */
export function parseCaller(text: string): Caller {
  if (text === 'public' || text === 'plain' || text === 'none') return { kind: text }
  const slash = text.indexOf('/')
  const kind = text.slice(0, Math.max(slash, 0))
  if (kind === 'operator' || kind === 'client') return { kind, name: text.slice(slash + 1) }
  return { kind: 'module', id: text }
}

/**
 * Does a rule for `name` apply to this caller? Names are compared as a whole; a product stands for
 * all its versions.
 */
export function isNamed(name: string, caller: Caller): boolean {
  return name === callerName(caller) || (caller.kind === 'module' && name === productOf(caller.id))
}

/** Is this Okapi's own identity, of whatever version? */
export function speaksAsOkapi(caller: Caller): boolean {
  return caller.kind === 'module' && isOkapi(caller.id)
}
