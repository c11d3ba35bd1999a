import { readFileSync } from 'node:fs'
import test from 'ava'
import { typed } from '../support/typed.ts'

/** Reports are compared by these: a change here is a change that testers see. */
const RECORDED: readonly { group: string; id: string; title: string }[] = JSON.parse(
  readFileSync(new URL('./attacks.json', import.meta.url), 'utf8'),
)

async function list(...more: readonly string[]): Promise<string> {
  return (await typed(['probe', '--list', ...more])).stdout
}

test('ids, texts and order of the attacks are the recorded ones', async (t) => {
  const listed = await list('--json')
  t.deepEqual(JSON.parse(listed), RECORDED)
  t.is(listed, `${JSON.stringify(RECORDED, null, 2)}\n`)
})

test('the table for people shows the same attacks in the same order', async (t) => {
  const rows = (await list()).trimEnd().split('\n')
  t.is(rows.length, RECORDED.length)
  for (const [i, { group, id, title }] of RECORDED.entries()) {
    t.deepEqual(rows[i]?.split(/ {2,}/), [group, id, title])
  }
})
