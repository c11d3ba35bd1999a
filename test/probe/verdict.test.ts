import test from 'ava'
import type { ConversationEnd, Transcript } from '../../src/probe/conversation.ts'
import { findingOf, smuggledAnswer } from '../../src/probe/finding.ts'
import { answers } from '../../src/probe/http.ts'

function transcript(
  text: string,
  ending: ConversationEnd = 'answered',
  error: string | null = null,
): Transcript {
  const received = Buffer.from(text)
  return {
    endpoint: { host: '127.0.0.1', port: 1, tls: true },
    pair: undefined,
    connected: true,
    sent: Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    received,
    answers: answers(received, ['GET'], ending === 'closed'),
    end: ending,
    error,
    protocol: 'TLSv1.3',
    resumed: false,
  }
}

const answer = (status: number, lines = '') =>
  transcript(`HTTP/1.1 ${status} X\r\n${lines}Content-Length: 0\r\n\r\n`)

const table = [
  [
    'a sidecar’s refusal',
    answer(403, 'X-Sidecar-Refused: wrong-peer\r\n'),
    'blocked',
    'wrong-peer',
  ],
  ['a refusal that is not the sidecar’s', answer(403), 'blocked', null],
  ['nginx without a certificate', answer(496), 'blocked', null],
  ['200', answer(200), 'got-through', null],
  ['404: the module looked for the route', answer(404), 'got-through', null],
  ['500: the module failed', answer(500), 'got-through', null],
  [
    'a 400 in Okapi’s own words',
    transcript('HTTP/1.1 400 X\r\nContent-Length: 18\r\n\r\nNo such Tenant abc'),
    'got-through',
    null,
  ],
  ['a 400 in anybody’s words', answer(400), 'blocked', null],
  ['502 of some proxy', answer(502), 'inconclusive', null],
  [
    'the sidecar let it through to a module that is down',
    answer(503, 'X-Sidecar-Refused: module-unavailable\r\n'),
    'inconclusive',
    null,
  ],
  ['an alert', transcript('', 'alert', 'ERR_SSL_ALERT'), 'blocked', null],
  ['closed without a word', transcript('', 'closed'), 'blocked', null],
  ['silence', transcript('', 'silent'), 'inconclusive', null],
  ['connection refused', transcript('', 'refused', 'ECONNREFUSED'), 'inconclusive', null],
  ['the deadline', transcript('', 'aborted'), 'inconclusive', null],
  ['no HTTP', transcript('SSH-2.0\r\n', 'answered'), 'inconclusive', null],
] as const

for (const [name, given, outcome, reason] of table) {
  test(`${name}: ${outcome}`, (t) => {
    t.like(findingOf(given), { outcome, reason })
  })
}

test('an attack that recognises its prize is believed before the status', (t) => {
  const finding = findingOf(answer(403), { through: () => true })
  t.is(finding.outcome, 'got-through')
})

test('more answers than requests are a smuggled request; as many are not', (t) => {
  const two = transcript('HTTP/1.1 204 X\r\n\r\nHTTP/1.1 204 X\r\n\r\n')
  t.is(smuggledAnswer(two, 1)?.outcome, 'got-through')
  t.is(smuggledAnswer(two, 2), undefined)
})
