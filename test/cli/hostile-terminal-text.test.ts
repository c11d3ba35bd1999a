import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { tellReport } from '../../src/cli/discovery/report.ts'
import { printable } from '../../src/cli/terminal.ts'
import { History } from '../../src/observe/status/history.ts'
import { statusServer } from '../../src/observe/status/server.ts'
import { busyFacts } from '../support/status.ts'
import { heard, typed } from '../support/typed.ts'

// A caller chooses its request id, and a part of many sentences: a terminal must not take it for its own.

/** CSI and OSC as C1, escape, right-to-left override, and what must stay. */
const HOSTILE = '\x9b31m\x9d0;x\x9c \x1b[2J \u202e\u2066 Müller’s'

test('what others wrote has no control characters left, and no marks of direction', (t) => {
  t.is(printable(HOSTILE), '\\u009b31m\\u009d0;x\\u009c \\u001b[2J \\u202e\\u2066 Müller’s')
})

for (const asked of [['status'], ['status', '--json'], ['status', '--html', '/dev/null']]) {
  test(`${asked.join(' ')}: a refused caller writes nothing into the terminal`, async (t) => {
    const history = new History()
    const facts = busyFacts()
    const told = { status: 403, reason: 'admin-route', passed: false } as const
    const where = { direction: 'egress', at: 'okapi', method: 'GET', route: '' } as const
    history.refused({
      ...{ ...told, ...where, timeMs: facts.nowMs, caller: 'mod-tags-3.1.0' },
      ...{ because: HOSTILE, from: '', requestId: HOSTILE },
    })
    const remarks = { log: HOSTILE }
    const server = statusServer(() => busyFacts({ refusals: history.refusals, remarks }))
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const { port } = server.address() as AddressInfo
    const { stdout } = await typed([...asked, `http://127.0.0.1:${port}`])
    t.notRegex(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
    t.true(stdout.includes('u009b31m'))
  })
}

test('what is no sidecar writes nothing into the terminal either', async (t) => {
  const server = createServer((_, response) => response.writeHead(404).end(HOSTILE))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { stderr } = await typed(['status', `http://127.0.0.1:${port}`])
  t.notRegex(stderr.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
})

test('discovery: what Okapi has registered writes nothing into the terminal when it is taken out', async (t) => {
  const { stdout } = await heard(async () => {
    const done = [`took out ${HOSTILE} at ${HOSTILE}`]
    tellReport({ modules: [], findings: [], asked: true, done }, false)
    return 0
  })
  t.true(stdout.includes('took out'))
  t.notRegex(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
})
