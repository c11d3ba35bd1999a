import '../cli/postgres.test.ts'
import '../probe/database.test.ts'
import '../scenarios/a-database-session-is-bytes.test.ts'
import '../scenarios/a-module-gets-its-own-database-role.test.ts'
