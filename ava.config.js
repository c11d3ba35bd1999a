import { readdirSync, readFileSync } from 'node:fs'
import { argv, env } from 'node:process'

// Files run in worker threads, in parallel; everything binds port 0. A worker costs 0.6 s of CPU before
// its first test: it loads ava and, from sources, what it tests. So files of one kind share one, those that
// a suite imports; alone stay those that change what is of the whole thread. Named on the command line,
// each file runs by itself.
const TESTS = new URL('test/', import.meta.url)
/** By suite, the files that it imports. */
const suites = new Map(
  ['suites/', 'slow/'].flatMap((folder) =>
    readdirSync(new URL(folder, TESTS)).flatMap((name) => {
      const text = readFileSync(new URL(folder + name, TESTS), 'utf8')
      const imports = [...text.matchAll(/^import '\.\.\/(.+)'$/gm)].map(
        ([, file]) => `test/${file}`,
      )
      return imports.length === 0 ? [] : [[`test/${folder}${name}`, imports]]
    }),
  ),
)
const shared = [...suites.values()].flat().map((file) => `!${file}`)
const words = argv.slice(2)
const named = words.some((word) => word.includes('test/'))
/** One file for scripts/test.ts. */
const { TEST_FILE } = env
const slow = [...words, TEST_FILE ?? ''].some((word) => word.includes('test/slow/'))

export default {
  extensions: ['ts'],
  // Those that stall for seconds or keep a processor busy: `npm run test:slow`.
  files: named
    ? ['test/**/*.test.ts', '!test/suites/**']
    : TEST_FILE !== undefined
      ? [TEST_FILE]
      : ['test/**/*.test.ts', '!test/slow/**', ...shared],
  require: ['./test/support/seed.js'],
  // Files of test/slow that are named start processes, which more than two workers would starve.
  concurrency: 2,
  // Tests of one worker take turns: all of a suite at once would be late for the limits that they are about.
  // Ava then runs one file at a time, whatever `concurrency` says; scripts/test.ts starts several.
  serial: !slow || suites.has(TEST_FILE ?? ''),
  // For a test that makes no progress at all (two busy cores), not a measurement. Those of test/slow work or
  // wait for minutes, each file by itself.
  timeout: slow ? '300s' : '240s',
}
