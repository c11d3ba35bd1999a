import test from 'ava'
import { REQUEST_NAMES } from '../../src/proxy/names.ts'
import { FLAW } from '../../src/wire/flaws.ts'
import { Downstream } from '../../src/wire/h1/downstream.ts'
import { parseRequestHead } from '../../src/wire/h1/request-head.ts'
import { Head } from '../../src/wire/head.ts'
import { NameTable } from '../../src/wire/names.ts'
import { HalfHead } from '../../src/wire/partial-head.ts'
import { MemoryPool, PlainHandler, settingsWith } from '../support/engine.ts'
import { MemorySocket, settled } from '../support/memory-socket.ts'

const LIMITS = { requestLineBytes: 16_384, headerBytes: 65_536, headerCount: 200 }

/** Counts the field lines that are read. */
class Counting extends NameTable {
  lines = 0
  override find(bytes: Uint8Array, start: number, end: number): number {
    this.lines++
    return super.find(bytes, start, end)
  }
}

/** A caller's connection, and how many lines were read of what it sent. */
function caller() {
  const names = new Counting([])
  const socket = new MemorySocket()
  const handler = new PlainHandler(new MemoryPool().pool)
  new Downstream(socket, null, handler, { ...settingsWith(), requestNames: names }, () => {})
  return { socket, names }
}

const long = `a: ${'x'.repeat(390)}\r\n`.repeat(100)

test('half a head that drips is not read again for every byte', async (t) => {
  const { socket, names } = caller()
  await socket.arrive(`GET / HTTP/1.1\r\nHost: x\r\n${long}b: `)
  await settled()
  names.lines = 0
  for (let i = 0; i < 200; i++) await socket.arrive('x')
  t.is(names.lines, 0)
})

test('it is not read again for every line', async (t) => {
  const { socket, names } = caller()
  await socket.arrive(`GET / HTTP/1.1\r\nHost: x\r\n${long}`)
  await settled()
  names.lines = 0
  for (let i = 0; i < 90; i++) await socket.arrive('b: c\r\n')
  t.is(names.lines, 0)
  await socket.arrive('\r\n')
  t.true(names.lines >= 191)
})

test('a caller that ends its side gets the reason if its half of a head was wrong', async (t) => {
  const { socket } = caller()
  await socket.arrive('GET / HTTP/1.1\r\nHost: x\r\nAccept: everything\r\n')
  await socket.arrive('A bad name: 1\r\n')
  t.is(socket.sent, '')
  await socket.arriveEnd()
  await settled()
  t.regex(socket.sent, /^HTTP\/1\.1 400 /)
})

test('a caller that ends its side within its head gets no answer, and is not waited for', async (t) => {
  const { socket } = caller()
  await socket.arrive('GET / HTTP/1.1\r\nHost: x\r\nAccept: everything\r\n')
  await socket.arrive('B: 1\r\n')
  await socket.arriveEnd()
  await settled()
  t.is(socket.sent, '')
  t.true(socket.writableEnded)
})

test('it is read again when that can tell more', (t) => {
  const reads = (head: string, more: string): boolean => {
    const half = new HalfHead()
    const bytes = Buffer.from(head)
    half.keep(bytes, 0, bytes.length)
    const rest = Buffer.from(more)
    return half.join(rest, 0, rest.length, LIMITS)?.toString() === head + more
  }
  const begun = 'GET / HTTP/1.1\r\nHost: x\r\n'
  t.true(reads('GET / HTT', 'P/1.1\r\n'), 'its first line')
  t.true(reads(begun, '\r\n'), 'its end')
  t.true(reads(`${begun}\r`, '\n'), 'its end in two pieces')
  t.true(reads(begun, '\n'), 'what a lax reader takes for its end')
  t.true(reads(begun, 'a'.repeat(begun.length)), 'as much again')
  t.true(reads('G'.repeat(16_384), 'G'), 'a first line that is too long')
  t.true(reads(`${begun}${'a'.repeat(81_900)}`, 'a'), 'a head that is too long')
  t.false(reads(begun, 'a: b\r\n'))
  t.false(reads(begun, 'a'))
})

test('one name under a prefix may not stand twice, wherever, in whatever case; 190 others may', (t) => {
  const names = Array.from({ length: 190 }, (_, i) => `X-Okapi-${'v'.repeat(200)}${i}`)
  const read = (all: readonly string[]) => {
    const lines = all.map((name) => `${name}: 1\r\n`).join('')
    const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)
    return parseRequestHead(new Head(), bytes, 0, bytes.length, REQUEST_NAMES, LIMITS)
  }
  t.true(read(names) > 0)
  for (const i of [0, 1, 95, 189]) {
    t.is(read([...names, names[i]!.toUpperCase()]), FLAW.twice)
    t.is(read([names[i]!.toLowerCase(), ...names]), FLAW.twice)
  }
})

test('a Connection line has at most 64 options', (t) => {
  const read = (options: number) => {
    const list = Array.from({ length: options }, (_, i) => `a${i}`)
    const [half, rest] = [list.slice(0, 40).join(), list.slice(40).join()]
    const lines = `Connection: ${half}\r\nConnection: ${rest}\r\n`
    const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)
    return parseRequestHead(new Head(), bytes, 0, bytes.length, REQUEST_NAMES, LIMITS)
  }
  t.true(read(64) > 0)
  t.is(read(65), FLAW.options)
})
