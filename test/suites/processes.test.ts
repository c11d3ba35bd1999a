import '../scenarios/bad-input-ends-with-2.test.ts'
import '../scenarios/no-session-is-ever-resumed.test.ts'
import '../scenarios/out-of-descriptors-probes-answer.test.ts'
import '../scenarios/the-log-goes-on-after-an-error.test.ts'
