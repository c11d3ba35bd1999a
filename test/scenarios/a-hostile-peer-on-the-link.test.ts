import { join } from 'node:path'
import test from 'ava'
import { FLAG, LAST_ID, RESET } from '../../src/wire/link/frames.ts'
import { credit, data, end, goaway, open, ping, reset } from '../support/link-frames.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import { Rogue } from '../support/scenario/rogue.ts'
import { answer, ID, Installation, OK } from '../support/scenario.ts'

// A peer with Okapi's certificate speaks frames of its own making to a module's sidecar: what breaks
// the rules ends the link and is counted by its name, and no caller gets another's answer.

let installation: Installation
/** Where it is: Okapi's own certificate. */
let certificate: string

test.before(async () => {
  installation = await Installation.open({ modules: [ID.notes] })
  certificate = join(installation.place.directory, 'certs', ID.okapi)
})
test.beforeEach(() => {
  installation.module(ID.notes).reply = OK
})
test.after.always(() => installation?.close())

const headOf = (target: string, ...lines: string[]) =>
  [`GET ${target} HTTP/1.1`, 'Host: x', 'X-Okapi-Tenant: diku', ...lines, '', ''].join('\r\n')
const get = (id: number, target = '/notes') => open(id, headOf(target), FLAG.end)
const HALF = headOf('/notes').slice(0, 20)

const ended = (ending: string) =>
  metric(installation.sidecar(ID.notes), `sidecar_links_ended_total{ending="${ending}"}`)

for (const [what, frames, ending] of [
  ['the heads of two exchanges in turns', open(1, HALF, FLAG.more) + open(2, HALF), 'bad-order'],
  ['a PING within a head', open(1, HALF, FLAG.more) + ping(), 'bad-order'],
  ['END within a head', get(1) + open(2, HALF, FLAG.more) + end(1), 'bad-order'],
  ['an id behind the last that there is', get(LAST_ID) + get(LAST_ID), 'bad-order'],
  ['an id beyond 31 bits', get(LAST_ID + 1), 'bad-frame'],
  ['an exchange on id 0', get(0), 'bad-frame'],
  ['DATA without a byte', open(1, headOf('/notes')) + data(1, ''), 'bad-frame'],
  ['opening behind its own GOAWAY', open(1, headOf('/notes')) + goaway() + get(2), 'bad-order'],
] as const) {
  test.serial(`${what}: the link ends as ${ending}, the next one is served`, async (t) => {
    const before = await ended(ending)
    const rogue = await Rogue.connect(installation.sidecar(ID.notes).port('ingress'), certificate)
    rogue.send(frames)
    await rogue.closed
    await until(async () => (await ended(ending)) > before)
    const next = await Rogue.connect(installation.sidecar(ID.notes).port('ingress'), certificate)
    next.send(get(1))
    t.regex(await next.answer(1), /^HTTP\/1\.1 200 /)
    next.socket.destroy()
  })
}

test.serial(
  'ids that cluster: each exchange gets its own answer, whatever else is given up',
  async (t) => {
    const all = Promise.withResolvers<void>()
    let waiting = 0
    installation.module(ID.notes).reply = async ({ first }) => {
      if (++waiting === 300) all.resolve()
      await all.promise
      return answer('200 OK', [], first.split(' ')[1])
    }
    const ids = Array.from({ length: 300 }, (_, i) => (i + 1) * 4096)
    const rogue = await Rogue.connect(installation.sidecar(ID.notes).port('ingress'), certificate)
    rogue.send(...ids.map((id) => get(id, `/notes/${id}`)))
    await until(() => waiting > 200)
    const kept = ids.filter((_, i) => i % 3 !== 0)
    rogue.send(...ids.filter((_, i) => i % 3 === 0).map((id) => reset(id, RESET.cancelled)))
    all.resolve()
    for (const id of kept) {
      t.true((await rogue.answer(id)).endsWith(`\r\n\r\n/notes/${id}`), String(id))
    }
    // What was given up may be late by now, and belongs to no exchange: credit for it ends nothing.
    rogue.send(...ids.map((id) => credit(id, 4096)), get(ids.at(-1)! + 1, '/notes/last'))
    t.true((await rogue.answer(ids.at(-1)! + 1)).endsWith('/notes/last'))
    rogue.socket.destroy()
  },
)

for (const [what, first, status] of [
  ['204 with a body', answer('204 No Content', [], answer('200 OK', [], 'no')), 204],
  ['304 with a body', answer('304 Not Modified', [], answer('200 OK', [], 'no')), 304],
  ['an answer behind the answer', answer('200 OK') + answer('200 OK', [], 'no'), 200],
  ['1xx without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(20_000), 502],
  ['101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nno', 502],
] as const) {
  test.serial(
    `a module that says ${what}: ${status}, and the next exchange has its own answer`,
    async (t) => {
      installation.module(ID.notes).reply = ({ first: line }) =>
        line.includes('/notes/odd') ? first : answer('200 OK', [], 'mine')
      const rogue = await Rogue.connect(installation.sidecar(ID.notes).port('ingress'), certificate)
      rogue.send(get(1, '/notes/odd'))
      const heads = (await rogue.answer(1)).split('\r\n\r\n')
      t.is(heads.filter((head) => head.startsWith(`HTTP/1.1 ${status} `)).length, 1)
      rogue.send(get(2))
      t.true((await rogue.answer(2)).endsWith('\r\n\r\nmine'))
      rogue.socket.destroy()
    },
  )
}
