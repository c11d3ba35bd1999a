import test from 'ava'
import fc from 'fast-check'
import { ascii } from '../../src/wire/bytes.ts'
import { ALIAS, ID, NameTable } from '../../src/wire/names.ts'

const TABLE = new NameTable([
  { name: 'x-okapi-tenant', id: 32, once: true, guarded: true, strict: true },
  { name: 'x-okapi-*', id: 40, once: true, guarded: true, strict: true },
  { name: 'origin', id: 49 },
])
const find = (name: string) => TABLE.find(ascii(name), 0, name.length)

const FOUND: readonly (readonly [name: string, id: number])[] = [
  ['Content-Length', ID.contentLength],
  ['CONTENT-LENGTH', ID.contentLength],
  ['Content_Length', ALIAS],
  ['Content-Lengt', ID.content],
  ['Content-Lengthy', ID.content],
  ['Content-Type', ID.content],
  ['Content_Type', ID.content],
  ['Content', ID.other],
  ['Transfer-Encoding', ID.transferEncoding],
  ['Transfer_Encoding', ALIAS],
  ['host', ID.host],
  ['hos', ID.other],
  ['hostt', ID.other],
  ['Connection', ID.connection],
  ['Keep-Alive', ID.keepAlive],
  ['keep_alive', ID.keepAlive],
  ['Proxy-Authorization', ID.hop],
  ['Proxy_Connection', ID.hop],
  ['proxy', ID.other],
  ['TE', ID.hop],
  ['Upgrade', ID.hop],
  ['HTTP2-Settings', ID.hop],
  ['Sec-WebSocket-Key1', ID.hop],
  ['sec_websocket_key2', ID.hop],
  ['Expect', ID.expect],
  ['Trailer', ID.trailer],
  ['X-Okapi-Tenant', 32],
  ['x-okapi_tenant', ALIAS],
  ['X_OKAPI_TENANT', ALIAS],
  ['X-Okapi-Anything', 40],
  ['X_Okapi_Anything', ALIAS],
  ['X-Okapi-', 40],
  ['X-Okapi', ID.other],
  ['Origin', 49],
  ['', ID.other],
  ['a'.repeat(47), ID.other],
  ['a'.repeat(48), ID.other],
  ['a'.repeat(5000), ID.other],
  [`X-Okapi-${'a'.repeat(5000)}`, 40],
]

for (const [name, id] of FOUND) {
  test(`${name.slice(0, 40)} (${name.length}) is ${id}`, (t) => t.is(find(name), id))
}

test('facts about a name are those of the name found last', (t) => {
  find('X-Okapi-Tenant')
  t.deepEqual([TABLE.once, TABLE.guarded, TABLE.isPrefix], [true, true, false])
  find('X-Okapi-Other')
  t.deepEqual([TABLE.once, TABLE.guarded, TABLE.isPrefix], [true, true, true])
  find('Origin')
  t.deepEqual([TABLE.once, TABLE.guarded, TABLE.isPrefix], [false, false, false])
  find('X-Okapi-Tenant')
  find('Unknown')
  t.deepEqual([TABLE.once, TABLE.guarded, TABLE.isPrefix], [false, false, false])
})

test('no name is found by a part of it, in the middle of anything', (t) => {
  const name = fc.constantFrom(
    ...FOUND.map(([known]) => known).filter((known) => known.length < 60),
  )
  fc.assert(
    fc.property(fc.string(), name, fc.string(), (before, known, after) => {
      const text = ascii(before + known + after)
      t.is(TABLE.find(text, before.length, before.length + known.length), find(known))
    }),
    { numRuns: 300 },
  )
})

test('a rule whose name has no room is our own mistake', (t) => {
  t.throws(() => new NameTable([{ name: 'a'.repeat(48), id: 50 }]), { instanceOf: TypeError })
})
