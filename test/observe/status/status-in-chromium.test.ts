import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { statusServer } from '../../../src/observe/status/server.ts'
import { Chromium, type Page } from '../../support/chromium.ts'
import { withTool } from '../../support/scenario/tools.ts'
import { busyFacts } from '../../support/status.ts'

let chromium: Chromium
let server: Server
test.before(async () => {
  server = statusServer(busyFacts).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
test.after.always(async () => {
  await chromium?.close()
  server.close()
})

async function open(look = {}): Promise<Page> {
  chromium ??= await Chromium.start()
  const { port } = server.address() as AddressInfo
  return chromium.open(`http://127.0.0.1:${port}/`, look)
}

const inChromium = withTool('chromium')

inChromium('the status page of a busy Okapi renders, and nothing is complained of', async (t) => {
  const page = await open()
  // A browser asks for an icon by itself; the page is not asked for any.
  t.deepEqual(
    page.complaints.filter((one) => !one.includes('/favicon.ico')),
    [],
  )
  t.deepEqual(
    page.asked.slice(1).filter((one) => !one.endsWith('/favicon.ico')),
    [],
  )
  t.is(await page.evaluate('document.title'), 'okapi-7.2.0 · okapi-sidecar')
  const margin = 'getComputedStyle(document.querySelector("h1")).margin'
  t.is(await page.evaluate(margin), '0px', 'its style sheet is in force')
})

inChromium(
  'a screen reader hears landmarks, headings, charts in words and named columns',
  async (t) => {
    const spoken = await (await open()).spoken()
    const all = (role: string) => spoken.filter((one) => one.role === role)
    const names = (role: string) => all(role).map(({ name }) => name)
    t.is(all('banner').length, 1)
    t.is(all('main').length, 1)
    const [first, ...rest] = all('heading')
    t.deepEqual(first, { role: 'heading', name: 'okapi-7.2.0', level: 1 })
    t.true(rest.every(({ level }) => level === 2))
    t.deepEqual(
      names('region'),
      rest.map(({ name }) => name),
    )
    t.true(rest.some(({ name }) => name === 'Last refusals'))
    t.is(all('image').length, 4)
    for (const name of names('image')) t.regex(name, /^[A-Z][a-z ]+: highest [\d.]+ [a-z ]+$/)
    for (const name of ['Reason', 'Caller', 'Because', 'Peer', 'By what right']) {
      t.true(names('columnheader').includes(name), name)
    }
  },
)

for (const dark of [false, true]) {
  inChromium(`the status page can be read when it is ${dark ? 'dark' : 'light'}`, async (t) => {
    const page = await open({ dark })
    const lowest = await page.lowestContrast()
    t.true(lowest >= 4.5, String(lowest))
    const paper = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
    t.is(paper, dark ? 'rgb(20, 24, 27)' : 'rgb(255, 255, 255)')
  })
}

inChromium('on a telephone only tables are moved sideways, not the page', async (t) => {
  const page = await open({ width: 360 })
  t.is(await page.evaluate('document.documentElement.scrollWidth'), 360)
})
