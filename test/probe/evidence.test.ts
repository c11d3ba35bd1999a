import test from 'ava'
import fc from 'fast-check'
import { masked } from '../../src/probe/evidence.ts'

const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ'

test('tokens, cookies and keys are masked everywhere', (t) => {
  const key = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqG\n-----END PRIVATE KEY-----'
  const text = masked(
    [
      'POST /x HTTP/1.1',
      `X-Okapi-Token: ${TOKEN}`,
      'cookie: folioAccessToken=planted-cookie; other=planted-other',
      'Authorization: Basic cGxhbnRlZA==',
      `X-Okapi-Module-Tokens: {"mod-x-1.0.0":"${TOKEN}"}`,
      '',
      `{"password":"planted-password","note":"${TOKEN}","plain":"kept"}`,
      key,
    ].join('\r\n'),
  )
  t.notRegex(text, /planted|cGxhbnRlZA|eyJ|MIGH/)
  t.regex(text, /"plain":"kept"/)
  t.regex(text, /POST \/x HTTP/)
  t.regex(text, /X-Okapi-Token: \[masked\]/)
})

test('a secret at the place of the cut is not shown in part', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1900, max: 2100 }), (before) => {
      const text = masked(`${'a'.repeat(before)}\n${TOKEN}\n`)
      return !text.includes('eyJ') && text.length < 2048 + 40
    }),
  )
  t.pass()
})

test('bytes that a terminal would act on are spelled out', (t) => {
  t.is(masked(Buffer.from([0x41, 0x1b, 0x00, 0xff])), 'A\\x1b\\x00\\xff')
})
