import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { runTool, withTool } from '../support/scenario/tools.ts'
import { MATRIX, PLACE, render, type Thing } from './render.ts'

// `kubectl set --local` reads what makes pods into Kubernetes' own types and writes it again, without
// a cluster: a wrong type is an error there, and a key that Kubernetes does not know is gone.
const withKubectl = withTool('kubectl', 'helm')

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

const READ = ['Deployment', 'Pod']

async function throughKubernetes(thing: unknown): Promise<Thing> {
  const file = join(PLACE, 'one.json')
  writeFileSync(file, JSON.stringify(thing))
  const args = ['set', 'env', '--local', '-f', file, 'ADDED=1', '-o', 'json']
  const { code, out, err } = await runTool('kubectl', args)
  if (code !== 0) throw new Error(err)
  return JSON.parse(out)
}

/** Where `ours` says something that `theirs` does not. */
function lost(ours: unknown, theirs: unknown, at = ''): string[] {
  if (Array.isArray(ours)) {
    const list = Array.isArray(theirs) ? theirs : []
    return ours.flatMap((each, i) => lost(each, list[i], `${at}/${i}`))
  }
  if (typeof ours === 'object' && ours !== null) {
    const map = (theirs ?? {}) as Record<string, unknown>
    return Object.entries(ours).flatMap(([key, value]) => lost(value, map[key], `${at}/${key}`))
  }
  // What is false, empty or null Kubernetes may leave out.
  if (ours === theirs || ours === false || ours === '' || ours === null) return []
  return [`${at}: ${JSON.stringify(ours)} became ${JSON.stringify(theirs)}`]
}

for (const [what, values] of Object.entries(MATRIX)) {
  withKubectl(`Kubernetes knows every key: ${what}`, async (t) => {
    for (const thing of (await render(values)).filter(({ kind }) => READ.includes(kind))) {
      t.deepEqual(lost(thing, await throughKubernetes(thing)), [], thing.metadata.name)
    }
    t.pass()
  })
}

withKubectl('a key that Kubernetes does not know would be seen', async (t) => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x' },
    spec: { containers: [{ name: 'x', image: 'x', readinesProbe: { httpGet: { port: 1 } } }] },
  }
  const found = lost(pod, await throughKubernetes(pod))
  t.deepEqual(found, ['/spec/containers/0/readinesProbe/httpGet/port: 1 became undefined'])
  const wrong = { ...pod, spec: { containers: [{ name: 'x', image: 'x', args: 'run' }] } }
  await t.throwsAsync(throughKubernetes(wrong))
})
