import test, { type ExecutionContext } from 'ava'
import { Fault } from '../../../src/fault.ts'
import { WorkerThread } from '../../../src/sidecar/workers/worker-thread.ts'

/** A thread that does as `script` says with what it is asked; `say` answers. */
function thread(t: ExecutionContext, script: string) {
  const lines: string[] = []
  const deaths: string[] = []
  const died = Promise.withResolvers<string>()
  const whole = `
    import { parentPort } from 'node:worker_threads'
    const say = (said) => parentPort.postMessage(said)
    parentPort.on('message', ({ id, ask, what }) => { ${script} })`
  const file = new URL(`data:text/javascript,${encodeURIComponent(whole)}`)
  const worker = new WorkerThread(file, 'tested', {
    lines: (some) => lines.push(String(some)),
    entry: () => {},
    died: (why) => {
      deaths.push(why)
      died.resolve(why)
    },
  })
  t.teardown(() => worker.end())
  return { worker, lines, deaths, entry: () => {}, died: died.promise }
}

test('questions are answered, whichever is done first; lines come before what was said after them', async (t) => {
  const { worker, lines, deaths } = thread(
    t,
    `if (ask === 'drain') setTimeout(() => { say({ lines: '1\\n2\\n' }); say({ id, value: true }) }, 50)
     else say({ id, value: what })`,
  )
  const drained = worker.ask('drain', null)
  t.is((await worker.ask('look', 7)) as unknown, 7)
  t.deepEqual(lines, [])
  t.true(await drained)
  t.deepEqual(lines, ['1\n2\n'])
  t.true(worker.alive)
  t.deepEqual(deaths, [])
})

test('a Fault of the thread arrives as a Fault, and the thread lives', async (t) => {
  const problem = { severity: 'error', message: 'it is in use' }
  const { worker } = thread(t, `say({ id, problems: [${JSON.stringify(problem)}] })`)
  const error = await t.throwsAsync(worker.ask('leave', null), { instanceOf: Fault })
  t.is(error.problems[0]?.message, 'it is in use')
  t.true(worker.alive)
})

for (const [how, script, why] of [
  ['an uncaught error', `throw new Error('a broken dependency')`, /a broken dependency/],
  ['an unhandled rejection', `Promise.reject(new Error('forgotten'))`, /forgotten/],
  ['something thrown that is no error', `throw 'a word'`, /a word/],
  ['an exit with 0', `process.exit(0)`, /exit code 0/],
  ['an answer that cannot be sent', `say({ id, value: () => {} })`, /could not be cloned/],
] as const) {
  test(`${how} ends the thread: reported once, and waiting calls are rejected`, async (t) => {
    const { worker, deaths, died } = thread(t, `if (ask === 'drain') { ${script} }`)
    const waiting = worker.ask('look', 1)
    const asked = worker.ask('drain', null)
    await t.throwsAsync(waiting, { message: why })
    await t.throwsAsync(asked, { message: why })
    t.regex(await died, why)
    t.false(worker.alive)
    await t.throwsAsync(worker.ask('look', 2), { message: /after its end/ })
    t.is(deaths.length, 1)
  })
}

test('a file that is not there is a death as well', async (t) => {
  const died = Promise.withResolvers<string>()
  const events = { lines: () => {}, entry: () => {}, died: (why: string) => died.resolve(why) }
  const worker = new WorkerThread(new URL('absent.ts', import.meta.url), 'absent', events)
  await t.throwsAsync(worker.ask('leave', null))
  t.regex(await died.promise, /absent\.ts/)
})

test('one that is ended is not mourned', async (t) => {
  const { worker, deaths } = thread(t, `say({ id, value: null })`)
  await worker.ask('leave', null)
  worker.end()
  await t.throwsAsync(worker.ask('leave', null), { message: /after its end/ })
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.deepEqual(deaths, [])
})
