import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ATTACKS } from '../../src/probe/attacks.ts'
import type { AttackOutcome } from '../../src/probe/finding.ts'
import { htmlReport } from '../../src/probe/report/html.ts'
import type { Run } from '../../src/probe/result.ts'
import { Chromium, type Page } from '../support/chromium.ts'
import { withTool } from '../support/scenario/tools.ts'

/** Were any of it markup, Chromium would run it, load it, or complain. */
const HOSTILE = '</pre><script>document.title="owned"</script><img src=x onerror=alert(1)>'

const OUTCOMES: readonly AttackOutcome[] = ['blocked', 'got-through', 'blocked', 'inconclusive']
const RUN: Run = {
  target: 'https://mod-users:8443',
  startedAt: new Date('2026-11-22T10:00:00Z'),
  tookMs: 1234,
  controls: [{ as: 'mod-tags-3.1.0', let: true, because: 'GET /tags: answered 200' }],
  results: ATTACKS.slice(0, -9).map((attack, i) => ({
    attack,
    as: 'mod-tags-3.1.0',
    outcome: OUTCOMES[i % 4]!,
    reason: OUTCOMES[i % 4] === 'blocked' ? 'wrong-peer' : null,
    because: HOSTILE,
    tookMs: 1,
    evidence: { sent: HOSTILE, received: HOSTILE, replay: HOSTILE },
  })),
  notTried: ATTACKS.slice(-9).map((attack) => ({ attack, why: 'needs --ca' })),
}

let chromium: Chromium
let directory: string
let url: string
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'report-'))
  const file = join(directory, 'report.html')
  await writeFile(file, htmlReport(RUN))
  url = `file://${file}`
})
test.after.always(async () => {
  await chromium?.close()
  await rm(directory, { recursive: true, force: true })
})

async function open(look = {}): Promise<Page> {
  chromium ??= await Chromium.start()
  return chromium.open(url, look)
}

const inChromium = withTool('chromium')

inChromium(
  'the page renders, asks for nothing, runs nothing, and nothing is complained of',
  async (t) => {
    const page = await open()
    t.deepEqual(page.complaints, [])
    t.deepEqual(page.asked, [url])
    t.is(await page.evaluate('document.title'), `okapi-sidecar probe: ${RUN.target}`)
    t.is(await page.evaluate('document.querySelectorAll("script, img, link, iframe").length'), 0)
    t.is(await page.evaluate('getComputedStyle(document.querySelector("summary")).display'), 'grid')
  },
)

inChromium('its policy forbids what a hostile target might have got onto it', async (t) => {
  const page = await open()
  await page.evaluate(`{
    const script = document.createElement('script')
    script.textContent = 'document.title = "owned"'
    document.body.append(script)
    document.body.insertAdjacentHTML('beforeend', '<img src="x"><p style="color: red">red</p>')
  }`)
  t.not(await page.evaluate('document.title'), 'owned')
  t.regex(page.complaints.join(), /script-src|default-src/)
  t.regex(page.complaints.join(), /style-src/)
  t.regex(page.complaints.join(), /"blockedReason":"csp"/)
})

inChromium(
  'a screen reader finds its way: landmarks, headings in order, a table with heads',
  async (t) => {
    const page = await open()
    const spoken = await page.spoken()
    const all = (role: string) => spoken.filter((one) => one.role === role)
    t.is(all('main').length, 1)
    t.is(all('contentinfo').length, 1)
    const headings = all('heading').filter(({ level = 9 }) => level < 3)
    t.deepEqual(headings[0], { role: 'heading', name: 'Can a rogue module get through?', level: 1 })
    const names = headings.slice(1).map(({ name }) => name)
    t.deepEqual(names.slice(0, 4), [
      'At a glance',
      'What that means',
      'For comparison',
      'The handshake',
    ])
    t.is(names.at(-1), 'Not tried')
    t.deepEqual(
      all('region').map(({ name }) => name),
      names,
    )
    t.deepEqual(
      all('columnheader').map(({ name }) => name),
      ['What was attacked', 'Got through', 'Inconclusive', 'Blocked', 'Not tried'],
    )
    t.true(all('rowheader').length > 7)
    t.is(all('DisclosureTriangle').length, RUN.results.length)
  },
)

inChromium('a link of the summary leads to its evidence, which opens at a click', async (t) => {
  const page = await open()
  const first = RUN.results.find(({ outcome }) => outcome === 'got-through')!.attack
  await page.click(`.worst a[href="#a-${first.id}"]`)
  t.is(await page.evaluate('location.hash'), `#a-${first.id}`)
  const seen = `document.querySelector('#a-${first.id} pre').checkVisibility({ contentVisibilityAuto: true })`
  const isOpen = `document.querySelector('#a-${first.id}').open`
  t.is(await page.evaluate(isOpen), false)
  await page.click(`#a-${first.id} summary`)
  t.is(await page.evaluate(isOpen), true)
  t.is(await page.evaluate(seen), true)
})

for (const dark of [false, true]) {
  inChromium(`everything can be read when it is ${dark ? 'dark' : 'light'}`, async (t) => {
    const page = await open({ dark })
    const lowest = await page.lowestContrast()
    t.true(lowest >= 4.5, String(lowest))
    const paper = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
    t.is(paper, dark ? 'rgb(20, 24, 27)' : 'rgb(255, 255, 255)')
  })
}

inChromium('nothing is wider than a telephone, and paper takes it', async (t) => {
  const page = await open({ width: 360 })
  await page.evaluate('document.querySelectorAll("details").forEach((one) => { one.open = true })')
  const wide = `[...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > 360).map((one) => one.outerHTML.slice(0, 80))`
  t.deepEqual(await page.evaluate(wide), [])
  const pdf = await page.print()
  t.is(pdf.toString('latin1', 0, 5), '%PDF-')
  t.true(pdf.length > 20_000)
})
