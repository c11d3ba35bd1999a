import test from 'ava'
import { decodeText } from '../../src/fault/text-file.ts'
import { Fault } from '../../src/fault.ts'

const said = (bytes: Buffer) => {
  try {
    return decodeText(bytes, 'f')
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.message
  }
}

const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16()

test('UTF-8 is read with a byte order mark and without', (t) => {
  for (const text of ['', '{', 'a', 'Müller\n', '\ufffd', '€ 😀']) {
    t.is(said(Buffer.from(text)), text)
    t.is(said(Buffer.from(`\ufeff${text}`)), text)
  }
  t.is(said(Buffer.from('\ufeff\ufeffa')), '\ufeffa', 'one mark, not all')
})

test('UTF-16 and UTF-32 are named, with a byte order mark and without', (t) => {
  for (const text of ['{"id": "mod-a-1.0.0"}', 'module: mod-a-1.0.0\n']) {
    for (const bytes of [
      Buffer.from(`\ufeff${text}`, 'utf16le'),
      Buffer.from(text, 'utf16le'),
      utf16be(`\ufeff${text}`),
      utf16be(text),
    ]) {
      t.is(said(bytes), 'f: this is UTF-16')
    }
  }
  t.is(said(Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0])), 'f: this is UTF-32')
  t.is(said(Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x7b])), 'f: this is UTF-32')
})

test('the first byte that is not UTF-8 is reported with line and column', (t) => {
  t.is(said(Buffer.from('why: für alle\n', 'latin1')), 'f:1:7: this is not UTF-8')
  t.is(said(Buffer.from('a: 1\nb: ü\n# ä', 'latin1')), 'f:2:4: this is not UTF-8')
  t.is(said(Buffer.from([0x61, 0x0a, 0xe2, 0x82])), 'f:2:1: this is not UTF-8', 'cut short')
})
