import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { Chromium, type Look, type Page } from '../support/chromium.ts'
import { folder, policy, SET, withMigrationListener } from '../support/policy-verb.ts'
import { withTool } from '../support/scenario.ts'

const inBrowser = withTool('chromium')

const GRANTS = `
- {caller: mod-tags, at: okapi, interface: users, why: "finds <b>who</b> tagged</script>"}
`

let chromium: Chromium | undefined
test.after.always(() => chromium?.close())

async function open(t: ExecutionContext, look: Look = {}): Promise<Page> {
  const grants = join(await folder(t), 'grants.yaml')
  await writeFile(grants, GRANTS)
  return openPage(t, ['--descriptors', SET, '--grants', grants], look)
}

async function openPage(t: ExecutionContext, source: readonly string[], look: Look = {}) {
  const file = join(await folder(t), 'matrix.html')
  const made = await policy(['matrix', ...source, '--html', file])
  t.is(made.code, 0, made.stderr)
  chromium ??= await Chromium.start()
  return chromium.open(pathToFileURL(file).href, look)
}

const text = (page: Page, selector: string) =>
  page.evaluate(`document.querySelector(${JSON.stringify(selector)}).textContent`)
const visibleCallers = (page: Page) =>
  page.evaluate(
    `[...document.querySelectorAll('tbody tr:not([hidden]) th')].map((th) => th.textContent)`,
  )
const cell = (caller: string, provider: string) =>
  `td[aria-label^="${caller} may call ${provider}:"]`
const press = (page: Page, key: string) =>
  page.evaluate(
    `document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: '${key}', bubbles: true, cancelable: true }))`,
  )

inBrowser('a cell opens to its routes and the rule behind each; nothing is fetched', async (t) => {
  const page = await open(t)
  await page.click(cell('mod-notes-8.1.0', 'mod-users-19.7.0'))
  t.is(await text(page, '#told h2'), 'mod-notes-8.1.0 → mod-users-19.7.0')
  t.is(await text(page, '#told h3'), 'users 16.5')
  t.is(await text(page, '#told code'), 'mod-notes-8.1.0.json#/requires/0')
  const routes = await page.evaluate(
    `[...document.querySelectorAll('#told li')].map((li) => li.textContent)`,
  )
  t.true((routes as string[]).includes('GET /users/{id}'))
  t.deepEqual(page.complaints, [])
  t.is(page.asked.length, 1)
})

inBrowser('text of descriptors and grants is shown as text, never as markup', async (t) => {
  const page = await open(t)
  await page.click(cell('mod-tags-3.1.0', 'mod-users-19.7.0'))
  t.is(await text(page, '#told .quiet'), 'finds <b>who</b> tagged</script>')
  t.deepEqual(page.complaints, [])
})

inBrowser('filters: by caller, provider, interface or path, and by grant', async (t) => {
  const page = await open(t)
  const all = (await visibleCallers(page)) as string[]
  t.true(all.length > 10)
  await page.type('#find', '/USERS/{id}')
  const some = (await visibleCallers(page)) as string[]
  t.true(some.includes('mod-notes-8.1.0') && some.includes('public'))
  await page.click(cell('mod-notes-8.1.0', 'mod-users-19.7.0'))
  t.is(await page.evaluate(`document.querySelectorAll('#told li').length`), 3)
  await page.type('#caller', 'mod-tags')
  t.deepEqual(await visibleCallers(page), ['mod-tags-3.1.0'])
  await page.type('#provider', 'nobody')
  t.is(await text(page, '#count'), 'Nothing fits these filters.')
  t.deepEqual(await visibleCallers(page), [])
  await page.click('#clear')
  t.deepEqual(await visibleCallers(page), all)
  await page.click('#grants')
  t.deepEqual(await visibleCallers(page), ['public', 'mod-tags-3.1.0'])
})

inBrowser('the migration listener is a caller, with its end', async (t) => {
  const end = new Date(Date.now() + 30 * 24 * 60 * 60 * 1000)
  const date = `${end.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const page = await openPage(t, ['-c', await withMigrationListener(t, end)])
  t.deepEqual(((await visibleCallers(page)) as string[]).slice(0, 3), ['okapi', 'public', 'plain'])
  t.regex(String(await text(page, 'header')), new RegExp(`open until ${date} for 10.1.2.0/24`))
  t.true(String(await text(page, 'header')).includes('mod-orders <moves> in March'))
  await page.click(cell('plain', 'mod-users-19.7.0'))
  t.is(await text(page, '#told .quiet'), `the migration listener, until ${date}`)
  t.is(await page.evaluate(`document.querySelector('${cell('plain', 'mod-authtoken')}')`), null)
  const closed = `td[aria-label="plain may not call mod-authtoken-2.18.0"]`
  t.is(await text(page, closed), '')
  t.deepEqual(page.complaints, [])
})

inBrowser('names tell everything of a caller, or of a provider', async (t) => {
  const page = await open(t)
  await page.click('th[title="mod-notes-8.1.0"][scope=row]')
  t.is(await text(page, '#told h2'), 'What mod-notes-8.1.0 may call')
  t.is(await page.evaluate(`document.querySelectorAll('#told details').length`), 2)
  await page.click('#told summary')
  // It fills when it opens, which the browser tells a moment later.
  await page.evaluate(`new Promise((done) => {
    const look = () => document.querySelector('#told li') ? done() : requestAnimationFrame(look)
    look()
  })`)
  await page.click('th[title="mod-users-19.7.0"][scope=col]')
  t.is(await text(page, '#told h2'), 'Who may call mod-users-19.7.0')
  await page.click('#told button')
  t.is(await page.evaluate(`document.querySelector('#told').hidden`), true)
})

inBrowser('the keyboard goes through the grid, opens and closes', async (t) => {
  const page = await open(t)
  t.is(await page.evaluate(`document.querySelectorAll('#grid [tabindex="0"]').length`), 1)
  await page.evaluate(`document.querySelector('#grid [tabindex="0"]').focus()`)
  await press(page, 'ArrowDown')
  t.is(await text(page, ':focus'), 'public')
  await press(page, 'ArrowRight')
  const label = await page.evaluate(`document.activeElement.getAttribute('aria-label')`)
  t.regex(String(label), /^public may call mod-authtoken-2\.18\.0: \d+ routes, by default$/)
  await press(page, 'Enter')
  t.is(await text(page, '#told h2'), 'public → mod-authtoken-2.18.0')
  t.is(await page.evaluate(`document.querySelectorAll('[aria-selected=true]').length`), 1)
  await press(page, 'Escape')
  t.is(await page.evaluate(`document.querySelector('#told').hidden`), true)
  t.is(await page.evaluate(`document.activeElement.getAttribute('aria-label')`), label)
})

inBrowser('names and roles for screen readers', async (t) => {
  const page = await open(t)
  await page.click(cell('mod-notes-8.1.0', 'mod-users-19.7.0'))
  const spoken = await page.spoken()
  const has = (role: string, name: string | RegExp) =>
    t.true(
      spoken.some(
        (one) =>
          one.role === role && (typeof name === 'string' ? one.name === name : name.test(one.name)),
      ),
      `${role} ${name}`,
    )
  has('RootWebArea', 'Who may call what')
  has('banner', '')
  has('main', '')
  has('search', 'Filters')
  has('searchbox', 'Caller')
  has('searchbox', 'Interface or path')
  has('checkbox', 'only by grant')
  has('status', '')
  has('grid', /^Callers by providers/)
  has('rowheader', 'mod-notes-8.1.0')
  has('columnheader', 'mod-users-19.7.0')
  has('gridcell', /^mod-notes-8\.1\.0 may call mod-users-19\.7\.0: \d+ routes, by requires$/)
  has('gridcell', 'mod-tags-3.1.0 may not call mod-notes-8.1.0')
  has('region', 'mod-notes-8.1.0 → mod-users-19.7.0')
  const levels = spoken.flatMap(({ role, level }) => (role === 'heading' ? [level] : []))
  t.deepEqual([...new Set(levels)], [1, 2, 3])
})

inBrowser(
  'light and dark, wide and narrow: nothing is cut off but by its own scrolling',
  async (t) => {
    for (const look of [{ dark: true, width: 1600 }, { width: 400 }]) {
      const page = await open(t, look)
      await page.type('#caller', 'mod-notes')
      await page.click(cell('mod-notes-8.1.0', 'mod-users-19.7.0'))
      const [wide, paper] = (await page.evaluate(
        `[document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]`,
      )) as [number, string]
      t.true(wide <= look.width, `${wide}`)
      t.is(paper, look.dark === true ? 'rgb(20, 24, 27)' : 'rgb(255, 255, 255)')
      t.deepEqual(page.complaints, [])
    }
  },
)
