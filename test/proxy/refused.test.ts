import test from 'ava'
import type { Caller } from '../../src/policy/caller.ts'
import { refusalResponse, response } from '../../src/proxy/refused.ts'
import { RequestContext } from '../../src/proxy/request-context.ts'
import { Share } from '../../src/proxy/share.ts'
import { REASONS, type Reason, type ReasonEntry } from '../../src/refusal/reasons.ts'
import { refuse } from '../../src/refusal/refusal.ts'
import type { Upstream } from '../../src/wire/exchange.ts'
import { SERVED_METHODS } from '../../src/wire/head.ts'
import { LISTENER_RULES } from '../support/listener-rules.ts'
import { OpenPolicy } from '../support/listeners.ts'
import { nodeAnswer } from '../support/node-client.ts'

const NO = refuse('interface-not-required', 'mod-a may not', { wouldAllow: 'a grant' })

function context(caller: Caller, requestId?: string, origin?: string): RequestContext {
  const policy = new OpenPolicy()
  const upstream: Upstream<RequestContext> = { open: () => {} }
  const listener = { ...LISTENER_RULES.egress, destination: () => null }
  const share = new Share('', 'proven', 1)
  const made = new RequestContext(listener, caller, '', { policy, at: 'okapi', upstream, share })
  made.requestId = requestId
  made.origin = origin
  return made
}

const GET = SERVED_METHODS.indexOf('GET')
const MODULE: Caller = { kind: 'module', id: 'mod-a-1.0.0' }

async function said(asked: Parameters<typeof refusalResponse>[0], refusal = NO, close = false) {
  const method = asked.method === SERVED_METHODS.indexOf('HEAD') ? 'HEAD' : 'GET'
  const { answer } = await nodeAnswer(
    method,
    refusalResponse(asked, refusal, close).toString('latin1'),
  )
  const headers = new Map(answer!.lines.map(([name, value]) => [name.toLowerCase(), value]))
  return { ...answer!, headers }
}

test('a caller with a proven identity gets the full sentence', async (t) => {
  const { status, headers, body, whole } = await said({
    context: context(MODULE, 'r/1'),
    method: GET,
    version: 11,
  })
  t.true(whole)
  t.is(status, 403)
  t.is(headers.get('x-sidecar-refused'), 'interface-not-required')
  t.is(headers.get('content-type'), 'application/problem+json')
  const { reason, detail, wouldAllow, requestId } = JSON.parse(body)
  t.deepEqual(
    [reason, detail, wouldAllow, requestId],
    ['interface-not-required', 'mod-a may not', 'a grant', 'r/1'],
  )
  t.is(headers.get('connection'), undefined)
})

test('strangers get the reason and a request id, and no policy', async (t) => {
  for (const caller of [{ kind: 'public' }, { kind: 'none' }] as const) {
    const { body } = await said({ context: context(caller), method: GET, version: 11 })
    const { detail, wouldAllow, requestId } = JSON.parse(body)
    t.deepEqual([detail, wouldAllow], [undefined, undefined])
    t.regex(requestId, /^[0-9a-f-]{36}$/)
  }
})

test('one refusal that many are told has the request id of each, and what each may know', async (t) => {
  for (const id of ['r/1', '"requestId":""', 'a\\b']) {
    const asked = { context: context(MODULE, id), method: GET, version: 11 }
    t.like(JSON.parse((await said(asked)).body), { requestId: id, detail: 'mod-a may not' })
    const stranger = { context: context({ kind: 'public' }, id), method: GET, version: 11 }
    const { requestId, detail } = JSON.parse((await said(stranger)).body)
    t.deepEqual([requestId, detail], [id, undefined])
  }
})

test('strangers learn what is wrong with their own message, and not what would be excepted', async (t) => {
  const refusal = refuse('ambiguous-target', 'the path holds `;`', { wouldAllow: 'an exception' })
  for (const [caller, wouldAllow] of [
    [{ kind: 'public' }, undefined],
    [MODULE, 'an exception'],
  ] as const) {
    const { body } = await said(
      { context: context(caller, 'r'), method: GET, version: 11 },
      refusal,
    )
    const told = JSON.parse(body)
    t.deepEqual([told.detail, told.wouldAllow], ['the path holds `;`', wouldAllow])
  }
})

test('HEAD gets no body, HTTP/1.0 a line that the connection stays, 503 when to try again', async (t) => {
  const head = {
    context: context(MODULE, 'r'),
    method: SERVED_METHODS.indexOf('HEAD'),
    version: 11,
  }
  const bytes = refusalResponse(head, NO, true).toString()
  t.true(bytes.endsWith('Connection: close\r\n\r\n'))
  t.true(Number((await said(head)).headers.get('content-length')) > 0)
  const old = await said({ context: context(MODULE, 'r'), method: GET, version: 10 })
  t.is(old.headers.get('connection'), 'keep-alive')
  const busy = await said(
    { context: context(MODULE, 'r'), method: GET, version: 11 },
    refuse('overloaded', 'busy'),
  )
  t.regex(busy.headers.get('retry-after') ?? '', /^\d$/)
})

test('when to come again is said where waiting helps, and not always the same', async (t) => {
  for (const [reason, entry] of Object.entries(REASONS) as [Reason, ReasonEntry][]) {
    const seen = new Set<string | undefined>()
    for (let i = 0; i < 60; i++) {
      const asked = { context: context(MODULE, 'r'), method: GET, version: 11 }
      seen.add((await said(asked, refuse(reason, 'so'))).headers.get('retry-after'))
    }
    if (entry.status !== 429 && entry.status !== 503) {
      t.deepEqual([...seen], [undefined], reason)
      continue
    }
    const [least, most] = entry.retryAfter ?? []
    const seconds = [...seen].map(Number)
    t.true(
      seconds.every((one) => Number.isInteger(one) && one >= least! && one <= most!),
      reason,
    )
    t.true(seconds.length > 1, reason)
  }
})

test('a page may read why it was refused; what it said of itself breaks nothing', async (t) => {
  const { headers } = await said({
    context: context(MODULE, 'r', 'https://folio.example.org'),
    method: GET,
    version: 11,
  })
  t.is(headers.get('access-control-allow-origin'), 'https://folio.example.org')
  t.is(headers.get('access-control-expose-headers'), 'X-Sidecar-Refused, Retry-After')
  const odd = await said({
    context: context(MODULE, '\xff"\\\x80', '\xe4\xff'),
    method: GET,
    version: 11,
  })
  t.true(odd.whole)
  t.is(JSON.parse(Buffer.from(odd.body, 'latin1').toString()).requestId, '\xff"\\\x80')
})

test('an answer of our own holds exactly its body', async (t) => {
  const asked = { context: context(MODULE), method: GET, version: 11 }
  const bytes = response(asked, 200, 'text/plain', 'grüße', [], true)
  const { answer } = await nodeAnswer('GET', bytes.toString('latin1'))
  t.is(Buffer.from(answer!.body, 'latin1').toString(), 'grüße')
})
