import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import { ALPN_LINK } from '../../src/wire/link/frames.ts'
import { floodingClient } from '../support/key-updates.ts'
import { limitHits, until } from '../support/scenario/metrics.ts'
import { ID, Installation, OK } from '../support/scenario.ts'
import { Client } from '../transport/openssl.ts'

// A KeyUpdate is 27 bytes, costs 20 µs and brings no data; TLS 1.3 allows as many as there is time for.

const T = 'X-Okapi-Tenant: diku'

let installation: Installation

test.before(async () => {
  // Thousands of commands one after another: on a busy machine that is longer than a connection may be idle.
  const limits = { recordOverheadBytesPerSecond: 1, idleMs: 3_600_000, handshakesPerSecond: 1 }
  installation = await Installation.open({ modules: [ID.tags], more: { [ID.okapi]: { limits } } })
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

/** `openssl s_client` as this module, at an address of its own. */
async function client(alpn: string, id: string, address: string, more: readonly string[] = []) {
  const folder = await installation.place.certificate(id)
  const shown = ['-key', join(folder, 'tls.key'), '-cert', join(folder, 'tls.crt')]
  const port = installation.sidecar(ID.okapi).port('ingress')
  const way = ['-connect', `127.0.0.1:${port}`, '-bind', `${address}:0`]
  const it = new Client([...way, '-alpn', alpn, '-crlf', ...shown, ...more])
  await it.says(/Verify return code/)
  return it
}

/** Sends a KeyUpdate; s_client takes one command at a time. False: the other side has ended the connection. */
async function keyUpdate(it: Client): Promise<boolean> {
  it.output = ''
  it.type('k\n')
  return it.says(/KEYUPDATE/).then(
    () => true,
    () => false,
  )
}

/** One after another until the other side has ended the connection. */
async function flood(it: Client): Promise<number> {
  let sent = 1
  while (await keyUpdate(it)) sent++
  return sent
}

const hits = () => limitHits(installation.sidecar(ID.okapi), 'recordOverheadBytesPerSecond')

test.serial('HTTP/1.1: a few are as good as none, a flood ends the connection', async (t) => {
  const before = await hits()
  const it = await client('http/1.1', ID.tags, '127.0.0.2')
  for (let i = 0; i < 20; i++) t.true(await keyUpdate(it))
  it.type(`GET /tags HTTP/1.1\nHost: x\n${T}\n\n`)
  await it.says(/HTTP\/1\.1 200 OK/)
  t.true((await flood(it)) > 40)
  t.is(await hits(), before + 1)
  const [line] = await installation
    .sidecar(ID.okapi)
    .say(({ msg, reason }) => msg === 'exchange' && reason === 'too-many')
  t.is(line?.caller, ID.tags)
})

test.serial('a flood costs its address as many handshakes as its messages took time', async (t) => {
  const waited = () => limitHits(installation.sidecar(ID.okapi), 'handshakesPerSecond')
  t.is(await waited(), 0)
  const folder = await installation.place.certificate(ID.users)
  const file = (name: string) => readFileSync(join(folder, name), 'utf8')
  const pair = { key: file('tls.key'), cert: file('tls.crt') }
  const port = installation.sidecar(ID.okapi).port('ingress')
  const it = await floodingClient(port, pair, 'http/1.1', '127.0.0.2')
  // The work of a hundred handshakes, if all of it were read: of one read it is enough that the next one waits in vain.
  const cut = new Promise((resolve) => it.raw.once('close', resolve))
  it.flood(5000)
  await cut
  const next = client('http/1.1', ID.notes, '127.0.0.2')
  await until(async () => (await waited()) === 1)
  t.regex((await next).output, /no peer certificate available/)
})

test.serial('a link: a flood ends it', async (t) => {
  const before = await hits()
  const it = await client(ALPN_LINK, ID.notes, '127.0.0.3')
  await flood(it)
  t.is(await hits(), before + 1)
  const [line] = await installation.sidecar(ID.okapi).say(({ msg }) => msg === 'link ended')
  t.is(line?.['ending'], 'too-much-noise')
})

test.serial('a request in records of one byte, all sent at once, arrives whole', async (t) => {
  const folder = await installation.place.certificate(ID.tags)
  const file = (name: string) => readFileSync(join(folder, name), 'utf8')
  const pair = { key: file('tls.key'), cert: file('tls.crt') }
  const port = installation.sidecar(ID.okapi).port('ingress')
  const it = await floodingClient(port, pair, 'http/1.1', '127.0.0.6')
  const body = 'crumb '.repeat(1000)
  const head = `POST /tags HTTP/1.1\r\nHost: x\r\n${T}\r\nContent-Length: ${body.length}\r\n\r\n`
  const answered = new Promise((resolve) => it.socket.once('data', resolve))
  it.crumble(head + body)
  t.regex(String(await answered), /^HTTP\/1\.1 200 OK/)
  t.is(installation.okapi.last.body, body)
  it.raw.destroy()
})

/** Sends this again and again, in records of 16 kB, until the other side has ended the connection. */
async function pad(it: Client, text: string): Promise<void> {
  while (!it.ended) {
    it.type(text)
    await pause(20)
  }
}

const PADDED = ['-record_padding', '16000', '-nocommands']

test.serial('HTTP/1.1: records that are padded without end are too much', async (t) => {
  const before = await hits()
  const it = await client('http/1.1', ID.tags, '127.0.0.4', PADDED)
  it.type('GET /tags HTTP/1.1\n')
  await pad(it, 'A: b\n')
  t.is(await hits(), before + 1)
})

test.serial('a link: records that are padded without end are too much', async (t) => {
  const before = await hits()
  const ping = '\x07\0\0\x08\0\0\0\x00abcdefgh'
  await pad(await client(ALPN_LINK, ID.login, '127.0.0.5', PADDED), ping)
  t.is(await hits(), before + 1)
})
