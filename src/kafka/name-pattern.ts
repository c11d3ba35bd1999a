import { NEW_TENANT_NAME } from '../folio/tenant.ts'

/** What placeholders in patterns stand for. */
export interface PatternNames {
  /** `{env}`: ENV of FOLIO's modules. */
  readonly env: string
  /** `{tenant}`; empty: every name that Okapi accepts for a new tenant. */
  readonly tenants: readonly string[]
  /** The name that replaces the tenant for all tenants (KAFKA_PRODUCER_TENANT_COLLECTION). */
  readonly tenantCollection?: string | undefined
}

/** A piece of a pattern: text as it is, a tenant, or any characters. */
export type NamePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tenant' }
  | { readonly kind: 'any' }

/** A pattern for names of topics, groups or transactional ids. */
export interface NamePattern {
  /** As it was written. */
  readonly text: string
  /** With `{env}` filled in and adjacent texts joined. */
  readonly parts: readonly NamePart[]
  /** Is the whole name meant? */
  matches(name: string): boolean
}

/** More stars would make matching slow, and are useless. */
const MOST_STARS = 2
const PIECES = /\{env\}|\{tenant\}|\*|[^{}*]+|[{}]/g

/**
 * Reads a pattern: `{env}` stands for the name of the installation, `{tenant}` for one tenant, `*`
 * for any characters, dots included, or none. Returns a sentence if it is wrong.
 */
export function parseNamePattern(text: string, names: PatternNames): NamePattern | string {
  if (text === '') return 'is empty'
  const pieces = text.match(PIECES) ?? []
  if (pieces.some((piece) => piece === '{' || piece === '}')) {
    return 'may only have the placeholders {env}, {tenant} and *'
  }
  if (pieces.filter((piece) => piece === '*').length > MOST_STARS) return 'has more than two *'
  if (pieces.filter((piece) => piece === '{tenant}').length > 1) return 'may have {tenant} once'
  if (text.includes('**')) return 'has two * next to each other'
  const parts = joined(pieces.map((piece) => partOf(piece, names)))
  const tenant = tenantSource(names)
  const source = parts.map((part) => {
    if (part.kind === 'text') return escaped(part.text)
    return part.kind === 'any' ? '[^]*' : tenant
  })
  const expression = new RegExp(`^${source.join('')}$`)
  return { text, parts, matches: (name) => expression.test(name) }
}

function partOf(piece: string, { env }: PatternNames): NamePart {
  if (piece === '*') return { kind: 'any' }
  if (piece === '{tenant}') return { kind: 'tenant' }
  return { kind: 'text', text: piece === '{env}' ? env : piece }
}

function joined(parts: readonly NamePart[]): NamePart[] {
  const all: NamePart[] = []
  for (const part of parts) {
    const last = all.at(-1)
    if (part.kind === 'text' && last?.kind === 'text') {
      all[all.length - 1] = { kind: 'text', text: last.text + part.text }
    } else all.push(part)
  }
  return all
}

function tenantSource({ tenants, tenantCollection }: PatternNames): string {
  const listed = tenants.length === 0 ? [NEW_TENANT_NAME] : tenants.map(escaped)
  const all = tenantCollection === undefined ? listed : [...listed, escaped(tenantCollection)]
  return `(?:${all.join('|')})`
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
