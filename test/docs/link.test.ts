import { readFileSync } from 'node:fs'
import test from 'ava'
import { LINK_ENDINGS } from '../../src/refusal/link-endings.ts'
import * as frames from '../../src/wire/link/frames.ts'

const page = readFileSync(new URL('../../docs/link.md', import.meta.url), 'utf8')

test('every ending of a link is explained, and no other', (t) => {
  const table = page.slice(page.indexOf('## Errors'))
  const named = table.matchAll(/^\| (`[^|]+) \|/gm)
  const explained = [...named].flatMap(([, cell]) => [...cell!.matchAll(/`([a-z-]+)`/g)])
  t.deepEqual(explained.map(([, name]) => name!).sort(), [...LINK_ENDINGS].sort())
})

test('types, flags and reasons have the numbers that the page gives them', (t) => {
  for (const [name, type] of Object.entries(frames.FRAME)) {
    t.true(page.includes(`| ${type} | ${name.toUpperCase()} |`), name)
  }
  for (const [name, flag] of Object.entries(frames.FLAG)) {
    t.true(page.includes(`| ${flag} | ${name.toUpperCase()} |`), name)
  }
  for (const [name, why] of Object.entries(frames.RESET)) {
    t.true(page.includes(`${why} *${name}*`), name)
  }
  for (const number of [
    frames.MOST_PAYLOAD_BYTES,
    frames.WINDOW_BYTES,
    frames.MOST_EXCHANGES,
    frames.LAST_ID,
    frames.ALPN_LINK,
  ]) {
    t.true(page.includes(String(number)), String(number))
  }
})

test('each type may have the flags that the page gives it', (t) => {
  for (const [name, type] of Object.entries(frames.FRAME)) {
    const row = page
      .split('\n')
      .find((line) => line.startsWith(`| ${type} | ${name.toUpperCase()}`))
    const said = row?.split('|').at(-2)?.trim().toLowerCase().split(/, /).filter(Boolean) ?? []
    const flags = said.map((flag) => frames.FLAG[flag as keyof typeof frames.FLAG])
    t.is(
      frames.RULES[type]?.flags,
      flags.reduce((sum, flag) => sum | flag, 0),
      name,
    )
  }
})
