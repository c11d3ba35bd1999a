// Kubernetes' OpenAPI document and the definitions of custom resources, as one JSON Schema a kind, in which
// an undeclared key is an error: what `kubeconform` reads.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

interface Schema {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly additionalProperties?: unknown
  readonly format?: string
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[]
  readonly [more: string]: unknown
}
type Definitions = Readonly<Record<string, Schema>>

interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

interface CustomResource {
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string }
    readonly versions: readonly {
      readonly name: string
      readonly schema: { readonly openAPIV3Schema: Schema }
    }[]
  }
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
/** Said to be a string; `cpu: 1` is read all the same. */
const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity'
/** Under which nothing is declared, only demanded: closing these would refuse what stands outside. */
const CONDITIONS = new Set(['allOf', 'anyOf', 'oneOf', 'not'])

/** Where `kubeconform` is to look, below the folder of {@link writeSchemas}. */
export const LOCATION = '{{.Group}}/{{.ResourceKind}}-{{.ResourceAPIVersion}}.json'

/**
 * Writes the schemas of one version of Kubernetes.
 *
 * @param folder where to; it is made.
 * @param openApi the file `swagger.json` of that version.
 * @param customResources files of CustomResourceDefinitions.
 * @param kinds those that are wanted; the others would be hundreds.
 */
export function writeSchemas(
  folder: string,
  openApi: string,
  customResources: readonly string[],
  kinds: ReadonlySet<string>,
): void {
  const { definitions }: { definitions: Definitions } = JSON.parse(readFileSync(openApi, 'utf8'))
  for (const [name, schema] of Object.entries(definitions)) {
    for (const each of schema['x-kubernetes-group-version-kind'] ?? []) {
      if (kinds.has(each.kind)) write(folder, each, { $ref: `#/definitions/${name}` }, definitions)
    }
  }
  for (const file of customResources) {
    const { spec }: CustomResource = parse(readFileSync(file, 'utf8'))
    for (const { name, schema } of spec.versions) {
      const { openAPIV3Schema: own } = schema
      const properties = {
        ...own.properties,
        metadata: { $ref: `#/definitions/${META}` },
      }
      const of = { group: spec.group, version: name, kind: spec.names.kind }
      write(folder, of, closed({ ...own, properties }) as Schema, definitions)
    }
  }
}

function write(
  folder: string,
  { group, version, kind }: GroupVersionKind,
  schema: Schema,
  all: Definitions,
): void {
  // The core group has no name: `kubeconform` takes its version for one.
  const place = join(folder, (group || version).toLowerCase())
  mkdirSync(place, { recursive: true })
  const used: Record<string, unknown> = {}
  collect(schema, all, used)
  const text = JSON.stringify({ ...schema, definitions: used })
  writeFileSync(join(place, `${kind.toLowerCase()}-${version.toLowerCase()}.json`), text)
}

/** Every definition that `schema` leads to, closed. */
function collect(schema: unknown, all: Definitions, used: Record<string, unknown>): void {
  for (const [, name = ''] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    if (used[name] !== undefined) continue
    used[name] = name === QUANTITY ? { type: ['string', 'number'] } : closed(all[name])
    collect(used[name], all, used)
  }
}

/** The schema with every object closed that says what it holds. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed)
  if (typeof node !== 'object' || node === null) return node
  const schema = node as Schema
  if (schema.format === 'int-or-string') return { type: ['integer', 'string'] }
  const entries = Object.entries(schema).map(([key, value]) => {
    if (CONDITIONS.has(key)) return [key, value]
    if (key !== 'properties') return [key, closed(value)]
    // Names of keys here, whatever they look like.
    const list = Object.entries(value as object).map(([name, each]) => [name, closed(each)])
    return [key, Object.fromEntries(list)]
  })
  const whole = Object.fromEntries(entries)
  const open =
    schema.properties === undefined ||
    schema.additionalProperties !== undefined ||
    schema['x-kubernetes-preserve-unknown-fields'] === true
  return open ? whole : { ...whole, additionalProperties: false }
}
