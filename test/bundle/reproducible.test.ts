import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { runTool } from '../support/scenario/tools.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PLACE = mkdtempSync(join(tmpdir(), 'sidecar-reproducible-'))

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

/** Every file of a folder: its mode and the checksum of its bytes. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const files = names.filter((name) => statSync(join(folder, name)).isFile())
  return Object.fromEntries(
    files.map((name) => {
      const sum = createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex')
      return [name, `${(statSync(join(folder, name)).mode & 0o777).toString(8)} ${sum}`]
    }),
  )
}

test.serial('the same sources give the same bundle, byte for byte', async (t) => {
  const built: Record<string, string>[] = []
  for (const name of ['one', 'another/and-deeper']) {
    const folder = join(PLACE, name)
    const args = [join(ROOT, 'scripts/bundle.ts'), '--out', folder]
    const { code, err } = await runTool(process.execPath, args)
    t.is(code, 0, err)
    built.push(contents(folder))
  }
  t.true(Object.keys(built[0]!).length > 10)
  t.deepEqual(built[0], built[1])
})

test.serial('the bundle names no place of the machine that made it', (t) => {
  for (const name of readdirSync(join(PLACE, 'one'), { recursive: true, encoding: 'utf8' })) {
    const file = join(PLACE, 'one', name)
    if (statSync(file).isFile()) t.false(readFileSync(file).includes(ROOT), name)
  }
})

test.serial('the bill of materials is reproducible, and names exactly what ships', async (t) => {
  const said = []
  for (const _ of [1, 2]) {
    const { code, out, err } = await runTool(process.execPath, [join(ROOT, 'scripts/sbom.ts')])
    t.is(code, 0, err)
    said.push(out)
  }
  t.is(said[0], said[1])
  const { components }: { components: { name: string; version: string }[] } = JSON.parse(said[0]!)
  const {
    dependencies,
    devDependencies,
  }: Record<string, Record<string, string>> = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  )
  const found = new Map(components.map(({ name, version }) => [name, version]))
  for (const [name, version] of Object.entries(dependencies!)) t.is(found.get(name), version, name)
  for (const name of Object.keys(devDependencies!)) t.false(found.has(name), name)
})
