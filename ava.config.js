// Files run in worker threads, in parallel; everything binds port 0. The timeout is for a test that
// makes no progress at all (two busy cores), not a measurement.
export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts'],
  require: ['./test/support/seed.js'],
  // More than there are cores: many files wait for processes and timers of their own.
  concurrency: 4,
  timeout: '120s',
}
