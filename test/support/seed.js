// In CI the properties try the same values each time, so that a red run is about the change; at a
// developer's, and in `npm run fuzz`, they explore. A counterexample prints its own seed.
import fc from 'fast-check'

if (process.env.CI !== undefined) fc.configureGlobal({ seed: 20_261_122 })
