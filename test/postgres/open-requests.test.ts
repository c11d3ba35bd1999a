import test from 'ava'
import { OpenRequests } from '../../src/postgres/open-requests.ts'

/** `>` before what the client sends, `<` before what the server says; is nothing open behind each word? */
function open(script: string): string {
  const requests = new OpenRequests()
  return script
    .split(' ')
    .map((word) => {
      const type = word.charCodeAt(1)
      if (word[0] === '>') requests.asked(type)
      else if (word[1] === 'Z') requests.answered()
      else requests.said(type)
      return requests.none ? '.' : '?'
    })
    .join('')
}

test('a query is open until ReadyForQuery, however many rows and errors come before', (t) => {
  t.is(open('>Q <T <D <D <C <Z'), '?????.')
  t.is(open('>Q <E <Z >Q >Q <C <Z <C <Z'), '??.?????.')
  t.is(open('>F <V <Z'), '??.')
})

test('what is asked by the extended protocol is open until its Sync is answered', (t) => {
  t.is(open('>P >B >D >E >S <1 <2 <T <D <C <Z'), '??????????.')
  t.is(open('>P >B >E >H <1 <2 <C'), '???????')
  t.is(open('>P >B >E >H <1 <2 <C >S <Z'), '????????.')
  t.is(open('>S >S <Z <Z'), '???.')
})

test('after an error in a step all is skipped until Sync, a query too', (t) => {
  t.is(open('>P >B >E >S <E <Z'), '?????.')
  // The query came before or after the server said that it skips.
  t.is(open('>P >Q >S <E <Z'), '????.')
  t.is(open('>P <E >Q >F >S <Z'), '?????.')
  // Two rounds are on their way, and the first fails at its second step.
  t.is(open('>P >B >E >S >B >E >S <1 <E <Z <2 <C <Z'), '????????????.')
})

test('an error of a query behind steps that went well skips nothing', (t) => {
  t.is(open('>P >B >Q >S <1 <2 <E <Z <Z'), '????????.')
  t.is(open('>P >Q >Q >S <1 <E <Z <C <Z <Z'), '?????????.')
})

test('ReadyForQuery ends the steps before it, also where their answers were counted wrong', (t) => {
  t.is(open('>P >B >E >S <1 <Z'), '?????.')
  t.is(open('<Z <1 <E >Q <Z'), '...?.')
})

test('a client that alternates without end is taken for busy, and costs no more memory', (t) => {
  const requests = new OpenRequests()
  for (let i = 0; i < 20_000; i++) requests.asked((i % 2 === 0 ? 'Q' : 'P').charCodeAt(0))
  for (let i = 0; i < 20_000; i++) requests.answered()
  t.false(requests.none)
})
