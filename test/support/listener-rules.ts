import { EGRESS_RULES } from '../../src/listeners/egress.ts'
import { DIRECT_RULES, FROM_OKAPI_RULES } from '../../src/listeners/ingress.ts'
import { TO_MODULE_RULES, TO_OKAPI_RULES } from '../../src/listeners/migration.ts'
import { MODULES_RULES } from '../../src/listeners/modules.ts'
import { OKAPI_RULES } from '../../src/listeners/okapi.ts'
import { PUBLIC_RULES } from '../../src/listeners/public.ts'

/** The rules of every listener for HTTP, by a name for tests and tables. */
export const LISTENER_RULES = {
  ingress: FROM_OKAPI_RULES,
  direct: DIRECT_RULES,
  okapi: OKAPI_RULES,
  egress: EGRESS_RULES,
  modules: MODULES_RULES,
  public: PUBLIC_RULES,
  plainToModule: TO_MODULE_RULES,
  plainToOkapi: TO_OKAPI_RULES,
} as const
