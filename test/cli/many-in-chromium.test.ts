import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import type { SidecarState } from '../../src/cli/status/asking.ts'
import { manyPage } from '../../src/cli/status/many-page.ts'
import { Chromium, type Page } from '../support/chromium.ts'
import { withTool } from '../support/scenario/tools.ts'

const NOW = new Date('2026-11-30T12:00:00Z')
const DAY_MS = 86_400_000
const STATES = ['no answer', 'waiting', 'draining', 'ready'] as const

/** Eighty sidecars, some in trouble, one with a name that would be markup elsewhere. */
const SEEN = Array.from({ length: 80 }, (_, i): SidecarState => {
  const state = i < 8 ? STATES[i % STATES.length]! : 'ready'
  return {
    name: i === 5 ? '<img src=x onerror=alert(1)>' : `mod-circulation-storage-${i}.0.0-SNAPSHOT`,
    ...{ url: '', version: '0.1.0', state, detail: state === 'ready' ? '' : 'ECONNREFUSED' },
    certificateBeginsMs: NOW.getTime() - DAY_MS,
    certificateEndsMs: NOW.getTime() + (i === 7 ? -1 : DAY_MS),
    ...{ generation: 1, openExchanges: i, mode: 'enforce', hash: `${i}`.padStart(16, 'a') },
    refusals: i % 5 === 0 ? [['interface-version-mismatch', 12_345]] : [],
    ...{ wouldDeny: 0, migrationUntilMs: null, quarantined: 0 },
    remarks: i === 7 ? ['credentials in use: the certificate has expired'] : [],
  }
})

let chromium: Chromium
const place = mkdtempSync(join(tmpdir(), 'many-'))
const file = join(place, 'many.html')
test.before(() => writeFileSync(file, manyPage(SEEN, NOW)))
test.after.always(async () => {
  await chromium?.close()
  rmSync(place, { recursive: true })
})

async function open(look = {}): Promise<Page> {
  chromium ??= await Chromium.start()
  return chromium.open(pathToFileURL(file).href, look)
}

const inChromium = withTool('chromium')

inChromium(
  'the page of eighty sidecars renders whole, loads nothing, and no name is markup',
  async (t) => {
    const page = await open()
    t.deepEqual(page.complaints, [])
    t.deepEqual(page.asked.slice(1), [])
    t.is(await page.evaluate('document.querySelectorAll("tbody tr").length'), 80)
    t.is(await page.evaluate('document.images.length'), 0)
  },
)

inChromium(
  'a screen reader hears its main part, its heading, and a table with named columns',
  async (t) => {
    const spoken = await (await open()).spoken()
    const names = (role: string) =>
      spoken.filter((one) => one.role === role).map(({ name }) => name)
    t.is(names('main').length, 1)
    t.deepEqual(names('heading'), ['Sidecars'])
    t.deepEqual(names('columnheader').slice(0, 3), ['sidecar', 'state', 'certificate left'])
    t.is(names('rowheader').length, 80)
  },
)

for (const dark of [false, true]) {
  inChromium(
    `the page of eighty sidecars can be read when it is ${dark ? 'dark' : 'light'}`,
    async (t) => {
      const lowest = await (await open({ dark })).lowestContrast()
      t.true(lowest >= 4.5, String(lowest))
    },
  )
}

inChromium(
  'on a telephone the table is moved sideways, by keys too, and not the page',
  async (t) => {
    const page = await open({ width: 360 })
    t.is(await page.evaluate('document.documentElement.scrollWidth'), 360)
    t.is(await page.evaluate('document.querySelector(".scroll").tabIndex'), 0)
  },
)
