import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createAuthority } from '../../src/pki/ca.ts'
import { ATTACKS } from '../../src/probe/attacks.ts'
import type { PemPair } from '../../src/probe/dial.ts'
import { forged } from '../../src/probe/forge.ts'
import { MAIN } from '../support/program.ts'
import { runTool } from '../support/scenario/tools.ts'
import { TAR, TarPit } from './targets/tar-pit.ts'

let directory: string
let pair: PemPair
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tar-pit-'))
  await createAuthority(join(directory, 'certs'), { trustDomain: 'folio.test' })
  pair = await forged('self', { commonName: 'tar' })
})
test.after.always(() => rm(directory, { recursive: true, force: true }))

interface Told {
  readonly attacks: readonly { readonly outcome: string; readonly because: string }[]
  readonly notTried: readonly unknown[]
  readonly summary: Readonly<Record<string, number>>
}

for (const kind of Object.keys(TAR) as (keyof typeof TAR)[]) {
  test.serial(`${kind}: the probe stops at its deadline and gives no verdict`, async (t) => {
    const pit = await TarPit.start(kind, pair)
    t.teardown(() => pit.close())
    const target = [`https://127.0.0.1:${pit.port}`, '--ca', join(directory, 'certs')]
    const more = ['--skip', 'around', '--deadline', '2s', '--json']
    // That this line is passed at all is the assertion: nothing is left open that would hold it.
    const { code, out, err } = await runTool(process.execPath, [MAIN, 'probe', ...target, ...more])
    t.is(code, 2, err)
    const { attacks, notTried, summary }: Told = JSON.parse(out)
    const left = ATTACKS.filter(({ group }) =>
      ['around', 'database', 'kafka'].includes(group),
    ).length
    t.is(attacks.length + notTried.length, ATTACKS.length - left)
    t.like(summary, { blocked: 0, 'got-through': 0, inconclusive: attacks.length })
    const late = attacks.filter(({ because }) => because === 'the deadline of the run came first')
    t.true(late.length > 100, JSON.stringify(summary))
  })
}
