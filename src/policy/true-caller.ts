import { parseModuleId } from '../folio/module-id.ts'
import { type Caller, callerName } from './caller.ts'

/**
 * The true caller of a call that Okapi makes: a caller that Okapi's sidecar has authenticated,
 * Okapi itself (timers, tenant jobs), or `unknown`.
 */
export type TrueCaller = Caller | { readonly kind: 'okapi' } | { readonly kind: 'unknown' }

export const OKAPI_ITSELF: TrueCaller = { kind: 'okapi' }
export const UNKNOWN_CALLER: TrueCaller = { kind: 'unknown' }

/** The true caller as X-Sidecar-Caller, log and metrics spell it. */
export function trueCallerName(who: TrueCaller): string {
  return who.kind === 'okapi' || who.kind === 'unknown' ? who.kind : callerName(who)
}

/** Names of people, systems and modules, as certificates spell them; `+` for metadata of a version. */
const NAME = /^[A-Za-z0-9._+-]{1,255}$/

/**
 * Parses what `trueCallerName` writes, and nothing else: one spelling for each caller. Undefined
 * for all other texts, including `none`.
 */
export function parseTrueCaller(text: string): TrueCaller | undefined {
  switch (text) {
    case 'okapi':
      return OKAPI_ITSELF
    case 'unknown':
      return UNKNOWN_CALLER
    case 'public':
    case 'plain':
      return { kind: text }
  }
  const slash = text.indexOf('/')
  const [kind, name] = [text.slice(0, Math.max(slash, 0)), text.slice(slash + 1)]
  if (!NAME.test(name) || /^\.+$/.test(name)) return undefined
  if (kind === 'operator' || kind === 'client') return { kind, name }
  if (slash !== -1 || parseModuleId(text) === undefined) return undefined
  return { kind: 'module', id: text }
}
