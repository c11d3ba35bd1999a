import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'

const run = promisify(execFile)
const CHILD = new URL('../../src/demo/child.ts', import.meta.url).href
/** As in child.ts. */
const [FIRST, LAST] = [12_000, 32_000]

test('a port that this process was given no other process is given, though nothing listens there yet', async (t) => {
  const [port = 0] = await freePorts(1)
  // The other process tries that port first.
  const drawn = (port - FIRST + 0.5) / (LAST - FIRST)
  const script = `
    const { random } = Math
    let calls = 0
    Math.random = () => (calls++ === 0 ? ${drawn} : random())
    const { freePorts } = await import(${JSON.stringify(CHILD)})
    console.log(...(await freePorts(1)), calls)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script])
  const [other, calls] = stdout.split(' ').map(Number)
  t.not(other, port)
  t.true(calls! > 1)
})
