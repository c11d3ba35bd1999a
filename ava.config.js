// Files run in worker threads, in parallel; everything binds port 0. The timeout is for a test that
// makes no progress at all (two busy cores), not a measurement.
export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts'],
  require: ['./test/support/seed.js'],
  // Four are a minute faster on two cores, and starve the processes that scenarios start.
  concurrency: 2,
  timeout: '120s',
}
