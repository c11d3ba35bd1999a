import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { statusText } from '../../../src/cli/status/one.ts'
import { html } from '../../../src/html/markup.ts'
import type { StatusFacts } from '../../../src/observe/status/facts.ts'
import { History } from '../../../src/observe/status/history.ts'
import { statusPage } from '../../../src/observe/status/page.ts'
import { statusServer } from '../../../src/observe/status/server.ts'
import { busyFacts } from '../../support/status.ts'

async function ask(t: ExecutionContext, request: string, facts = busyFacts()): Promise<string> {
  const server = statusServer(() => facts).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (data) => {
    answer += data
  })
  socket.end(request)
  await once(socket, 'close')
  return answer
}

const EVIL = `"><script>alert(1)</script>&'`

test('whatever a peer chose is text on the page, never markup', (t) => {
  const facts = busyFacts()
  const hostile: StatusFacts = {
    ...facts,
    refusals: [{ ...facts.refusals[0]!, caller: EVIL, because: EVIL, method: EVIL, route: EVIL }],
    peers: [{ name: EVIL, exchanges: 1, refused: 0, lastMs: facts.nowMs }],
    remarks: { policy: EVIL },
  }
  const page = statusPage(hostile)
  t.false(page.includes('<script'))
  t.true(page.includes('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#39;'))
})

test('the page takes nothing from outside and runs no script', async (t) => {
  const answer = await ask(t, 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  t.regex(answer, /^HTTP\/1\.1 200 /)
  t.regex(answer, /\r\nContent-Security-Policy: default-src 'none'; style-src 'sha256-/)
  t.notRegex(answer, /<script|<link|<img|https?:\/\/(?!localhost)/)
})

for (const [what, request, status] of [
  ['a name that is not ours', 'GET / HTTP/1.1\r\nHost: rebound.example', 403],
  ['a name that ends like ours', 'GET / HTTP/1.1\r\nHost: evil.localhost', 403],
  ['a POST', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0', 405],
  ['a body', 'GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3', 400],
  ['another path', 'GET /status HTTP/1.1\r\nHost: 127.0.0.1:9902', 404],
  ['an IPv6 address', 'GET /status.json HTTP/1.1\r\nHost: [::1]:9902', 200],
  ['a query', 'GET /status.json?t=1 HTTP/1.1\r\nHost: [::1]:9902', 200],
  ['a query on another path', 'GET /x?/status.json HTTP/1.1\r\nHost: localhost', 404],
] as const) {
  test(`${what} is answered ${status}`, async (t) => {
    const answer = await ask(t, `${request}\r\nConnection: close\r\n\r\n`)
    t.is(Number(answer.slice(9, 12)), status)
  })
}

test('the terminal shows the same in 80 columns', (t) => {
  const text = statusText(busyFacts())
  for (const line of text.split('\n')) t.true(line.length <= 100, line)
  t.regex(text, /^certificate {2}.*18 hours left/m)
  t.regex(text, /interface-not-required/)
})

test('history forgets the oldest and never grows', (t) => {
  const history = new History()
  const one = { ...busyFacts().refusals[0]! }
  for (let i = 0; i < 1000; i++) {
    // Refusals whose sentences differ only in numbers would count as equal.
    const letters = String(i).replaceAll(/\d/g, (digit) => 'abcdefghij'.charAt(Number(digit)))
    history.refused({ ...one, because: `so ${letters}`, requestId: String(i) })
    history.ended(`peer-${i}`, 200, false, 1, i)
  }
  t.is(history.refusals.length, 50)
  t.is(history.refusals[0]?.requestId, '999')
  t.is(history.peers.length, 500)
})

test('callers over their share: the last first, addresses apart, and never more than a hundred of each', (t) => {
  const history = new History()
  history.tooMany('mod-tags-3.1.0', true, 'exchangesToModule', 1)
  for (let i = 0; i < 1000; i++) history.tooMany(`public/10.0.0.${i}`, false, 'connections', 2 + i)
  history.tooMany('mod-tags-3.1.0', true, 'connections', 5000)
  const [tags, last] = history.overShare
  const one = { name: 'mod-tags-3.1.0', proven: true, limit: 'connections', times: 2, lastMs: 5000 }
  t.deepEqual(tags, one)
  t.is(last?.name, 'public/10.0.0.999')
  t.true(history.overShare.length <= 101)
  const all = history.overShare.reduce((sum, { times }) => sum + times, 0)
  t.is(all, 1002, 'none is forgotten')
})

test('page and terminal name who is over its share, and of which limit', (t) => {
  const facts = busyFacts()
  t.regex(statusPage(facts), /public\/192\.0\.2\.7<\/td><td><code>limits\.connections</)
  t.regex(statusText(facts), /^public\/192\.0\.2\.7 +connections +1/m)
  t.notRegex(statusText(busyFacts({ overShare: [] })), /over its share/)
})

test('slices are emptied when their time is over', (t) => {
  const history = new History()
  history.ended('a', 200, false, 4, 0)
  history.ended('a', 500, false, 8, 1)
  const now = { exchanges: 2, refused: 0, failed: 1, meanMs: 6 }
  t.deepEqual(history.slices(9999).at(-1), now, 'the one that runs')
  t.deepEqual(history.slices(10_000).at(-2), now)
  t.is(history.slices(10_000).at(-1)?.exchanges, 0)
  const later = history.slices(10_000_000)
  t.is(
    later.reduce((sum, { exchanges }) => sum + exchanges, 0),
    0,
  )
})

test('what was just counted is shown at once', (t) => {
  const history = new History()
  const { nowMs } = busyFacts()
  history.ended('mod-a-1.0.0', 200, true, 4, nowMs)
  const facts = busyFacts({ slices: history.slices(nowMs), peers: history.peers })
  t.regex(statusText(facts), /^now +1 exchange in a minute, 1 refused, mean 4\.0 ms/m)
  const page = statusPage(facts)
  t.regex(page, /Exchanges a second <span class="quiet">highest 0\.1 a second/)
  t.is(page.match(/nothing in the last ten minutes/g)?.length, 2, 'of the failed, and its label')
})

test('html escapes values and keeps markup', (t) => {
  t.is(html`<b>${'<'}${html`<i>`}${['&', 1]}</b>`.text, '<b>&lt;<i>&amp;1</b>')
})

test('several threads are shown one by one, a single one is not', (t) => {
  const workers = [
    { connections: 3, exchanges: 1234 },
    { connections: 0, exchanges: 7 },
  ]
  const several = busyFacts({ workers })
  t.regex(statusPage(several), /<li>1234 exchanges, 3 connections open<\/li><li>7 exchanges, 0/)
  t.regex(statusText(several), /thread 2 +7 exchanges since the start, 0 connections/)
  t.notRegex(statusPage(busyFacts()), /Threads/)
  t.notRegex(statusText(busyFacts()), /thread 1/)
})
