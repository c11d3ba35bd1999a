import type { Attack } from '../attack.ts'
import { handshakeWith, send } from '../conversation.ts'
import { findingOf, gotThrough } from '../finding.ts'
import { type HttpAnswer, header, honest, requestBytes } from '../http.ts'

const WANTED = ['perms.all', 'users.item.delete']

/**
 * mod-authtoken FilterApi.handleAuthorize signs a module token for every entry of the request
 * header X-Okapi-Module-Permissions. Only Okapi takes that header off; past Okapi it stays.
 */
export const authtokenDirect: Attack = {
  id: 'authtoken-direct',
  group: 'policy',
  title: 'mod-authtoken asked to sign a token',
  meaning: 'Anyone mints tokens with any permission for any tenant: the whole system is open.',
  judged: 'A signed token in X-Okapi-Module-Tokens; it is proven by its claims and not shown.',
  remedy: 'Only Okapi’s identity may reach mod-authtoken; close its own port.',
  against: 'module',
  async run(context) {
    const rogue = context.credentials?.id ?? 'mod-rogue-1.0.0'
    const lines = [
      ...honest(context),
      ['X-Okapi-Url', 'http://127.0.0.1:9'],
      // As Okapi asks: nothing is required, so X-Okapi-Permissions-Required is left out. It is a list
      // with commas, and `[]` would be the name of a permission that does not exist.
      ['X-Okapi-Module-Permissions', JSON.stringify({ [rogue]: WANTED })],
    ] as const
    const transcript = await send(context, requestBytes({ target: '/users', lines }), {
      handshake: handshakeWith(context.credentials),
    })
    const finding = findingOf(transcript, { harmless: () => true })
    const claims =
      transcript.answers[0] === undefined ? undefined : minted(transcript.answers[0], rogue)
    if (claims === undefined) return finding
    const { type, tenant: signedFor, extra_permissions: rights } = claims
    const proof = `it signed a ${type} token for ${signedFor} with ${JSON.stringify(rights ?? [])}`
    return { ...finding, ...gotThrough(proof) }
  },
}

function minted(answer: HttpAnswer, rogue: string): Claims | undefined {
  try {
    const tokens: unknown = JSON.parse(header(answer, 'x-okapi-module-tokens') ?? 'null')
    if (typeof tokens !== 'object' || tokens === null) return undefined
    const entry = Object.entries(tokens).find(([id]) => id === rogue)
    return entry === undefined ? undefined : claimsOf(String(entry[1]))
  } catch {
    return undefined
  }
}

/** What a FOLIO token says of itself (mod-authtoken, tokens/*), as far as a proof needs it. */
interface Claims {
  readonly type?: unknown
  readonly tenant?: unknown
  readonly module?: unknown
  readonly user_id?: unknown
  readonly extra_permissions?: unknown
}

/** The claims of a JSON Web Token, unverified, or undefined where it is none. */
function claimsOf(token: string): Claims | undefined {
  const payload = token.split('.')[1]
  if (payload === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    return typeof claims === 'object' && claims !== null ? claims : undefined
  } catch {
    return undefined
  }
}
