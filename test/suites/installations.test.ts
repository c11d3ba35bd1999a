import '../scenarios/a-whole-installation-loads.test.ts'
import '../scenarios/install-as-the-page-says.test.ts'
import '../scenarios/one-module-at-a-time.test.ts'
import '../scenarios/rotation-by-the-workload-api.test.ts'
