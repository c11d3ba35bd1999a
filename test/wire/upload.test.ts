import test from 'ava'
import type { Exchange } from '../../src/wire/exchange.ts'
import { Body } from '../../src/wire/h1/body.ts'
import { FRAMING, type Head } from '../../src/wire/head.ts'
import { NameTable } from '../../src/wire/names.ts'
import { Upload } from '../../src/wire/upload.ts'

const LARGE = 20_000

/** A body of so many bytes, and an upstream that takes none of them until it is told to. */
function upload(length: number, keeps: boolean) {
  const went: Buffer[] = []
  const upstream = {
    blocked: true,
    span: (bytes: Buffer, start: number, end: number) =>
      went.push(Buffer.from(bytes.subarray(start, end))),
  }
  const x = { upstream, bytesIn: 0, requestDone: false, sent() {} }
  const body = new Body(new NameTable([]), null)
  body.begin(
    { framing: FRAMING.length, contentLength: length, hasBody: true } as Head,
    'asItStands',
  )
  const made = new Upload(x as unknown as Exchange<null>, body, keeps)
  const comes = (bytes: Buffer) => {
    made.judge(bytes, 0, bytes.length)
    made.handOn(bytes)
    return bytes.length
  }
  const goesOn = () => {
    upstream.blocked = false
    made.forward()
    return Buffer.concat(went)
  }
  return { comes, goesOn, made, x }
}

const filled = (length: number, byte: number) => Buffer.alloc(length, byte)

test('what a caller sent stays as it came while it waits, and its memory is not given back', (t) => {
  const { comes, goesOn, made } = upload(2 * LARGE + 5, true)
  const bytes = filled(LARGE, 1)
  t.is(comes(bytes), LARGE)
  t.is(comes(filled(5, 2)), 5)
  comes(filled(LARGE, 3))
  t.is(made.heldBytes, 2 * LARGE + 5)
  const all = Buffer.concat([filled(LARGE, 1), filled(5, 2), filled(LARGE, 3)])
  t.true(goesOn().equals(all))
  t.is(made.heldBytes, 0)
})

test('what stands beside something else in a read is copied', (t) => {
  const { made, goesOn } = upload(LARGE, true)
  const read = Buffer.concat([Buffer.from('head'), filled(LARGE, 1)])
  made.judge(read, 4, read.length)
  made.handOn(read)
  read.fill(9)
  t.true(goesOn().equals(filled(LARGE, 1)))
})

test('what belongs to a link is copied and left to it', (t) => {
  const { made, comes, goesOn } = upload(LARGE, false)
  const read = filled(LARGE, 1)
  t.is(comes(read), LARGE)
  // The link gives its memory back, or reads into it again.
  read.fill(9)
  t.is(made.heldBytes, LARGE)
  t.true(goesOn().equals(filled(LARGE, 1)))
})
