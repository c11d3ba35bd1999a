// Writes sidecar.schema.json, the JSON Schema of the configuration file, from its only source.
import { writeFileSync } from 'node:fs'
import { jsonSchema } from '../src/config/schema.ts'

writeFileSync(new URL('../sidecar.schema.json', import.meta.url), jsonSchema())
