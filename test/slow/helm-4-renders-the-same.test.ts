import { existsSync, rmSync } from 'node:fs'
import test from 'ava'
import { parseAllDocuments } from 'yaml'
import { everyInstallation } from '../helm/matrix.ts'
import { MATRIX, PLACE, renderMany } from '../helm/render.ts'
import { HELM_4, KUBERNETES } from '../helm/tools.ts'
import { runTool, withTool } from '../support/scenario/tools.ts'

const withBoth = withTool('helm', ...(existsSync(HELM_4) ? [] : ['helm 4 (chart-tools -- more)']))

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

withBoth('both are what they are taken for', async (t) => {
  const template = ['version', '--template', '{{.Version}}']
  t.regex((await runTool(HELM_4, template)).out, /^v4\./)
  t.regex((await runTool('helm', template)).out, /^v3\./, 'the other one is helm 3')
})

const installations = { ...everyInstallation(), ...MATRIX }

for (const version of [KUBERNETES[0], KUBERNETES.at(-1)!]) {
  const mode = version === KUBERNETES[0] ? 'container' : 'native'
  withBoth(`every installation is the same, for Kubernetes ${version}`, async (t) => {
    const all = Object.fromEntries(
      Object.entries(installations).map(([name, values]) => [name, { mode, ...values }]),
    )
    const [older, newer] = [await renderMany(all, version), await renderMany(all, version, HELM_4)]
    t.is(Object.keys(older).length, Object.keys(installations).length)
    t.deepEqual(Object.keys(newer).sort(), Object.keys(older).sort())
    for (const name of Object.keys(older)) t.deepEqual(meant(newer[name]), meant(older[name]), name)
  })
}

/** The documents of an installation, in an order that does not depend on helm; notes as their text. */
function meant(text = ''): string[] {
  const documents = text.split(/^---\n/m).filter((one) => one.trim() !== '')
  const things = documents.map((one) => {
    return /^kind:/m.test(one)
      ? JSON.stringify(parseAllDocuments(one).map((each) => each.toJS()))
      : one.trim()
  })
  return things.sort()
}
