import * as z from 'zod'
import { fault } from '../../fault.ts'
import { printable } from '../terminal.ts'

/** A sidecar to ask. */
export interface AskedSidecar {
  /** Its name if nothing better is known. */
  readonly name: string
  /** URL of its status or admin listener; '' if it has no address now. */
  readonly url: string
}

const ADMIN_PORT = 9901
/** The chart's name of the admin port, and of the label that holds the module id. */
const PORT_NAME = 'sidecar-admin'
const MODULE_LABEL = 'okapi-sidecar/module'

/**
 * The sidecars in a text: URLs, one per line, with `#` before comments; the list of `kubectl get pods -o json`; or the
 * output of `docker compose ps --format json`, an array or one object per line. Throws a Fault for anything else.
 */
export function sourcesIn(text: string, file = 'standard input'): readonly AskedSidecar[] {
  const values = jsonIn(text, file)
  if (values === undefined) return urlsIn(text, file).map((url) => ({ name: url, url }))
  return values.flatMap((value) => {
    const { success, data } = LIST.safeParse(value)
    return (success ? data.items : [value]).flatMap(sourcesOf)
  })
}

/** What a file of sidecars contains. */
export const SOURCES_HINT =
  'URLs, one a line; or the JSON of kubectl get pods, or of docker compose ps'

function urlsIn(text: string, file: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.replace(/#.*$/, '').trim())
  lines.forEach((line, i) => {
    if (line === '' || (/^https?:\/\//.test(line) && URL.canParse(line))) return
    throw fault(`\`${printable(line)}\` is not a URL`, {
      where: { file, line: i + 1 },
      hint: SOURCES_HINT,
    })
  })
  return lines.filter((line) => line !== '')
}

/** One JSON value, or one per line; undefined if it is something else. */
function jsonIn(text: string, file: string): readonly unknown[] | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined
  const whole = parsed(text)
  if (whole !== undefined) return Array.isArray(whole) ? whole : [whole]
  const values = text.trim().split('\n').map(parsed)
  if (!values.includes(undefined)) return values
  throw fault('this is not JSON', { where: { file }, hint: SOURCES_HINT })
}

/** No JSON text means undefined. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function sourcesOf(value: unknown): readonly AskedSidecar[] {
  const pod = POD.safeParse(value)
  if (pod.success) return ofPod(pod.data)
  const service = SERVICE.safeParse(value)
  return service.success ? ofService(service.data) : []
}

/** A pod's sidecar is among the initContainers (a native sidecar), or beside the module. */
function ofPod({ metadata, spec, status }: z.infer<typeof POD>): readonly AskedSidecar[] {
  const { name, labels } = metadata
  const ports = [...spec.initContainers, ...spec.containers].flatMap((each) => each.ports)
  const admin = ports.find((port) => port.name === PORT_NAME)
  if (admin === undefined) return []
  const module = labels[MODULE_LABEL]
  const host = status.podIP.includes(':') ? `[${status.podIP}]` : status.podIP
  return [
    {
      name: module === undefined ? name : `${module} (${name})`,
      url: host === '' ? '' : `http://${host}:${admin.containerPort}`,
    },
  ]
}

/** A service without a published admin port is not a sidecar. */
function ofService({
  Service: name,
  Publishers,
}: z.infer<typeof SERVICE>): readonly AskedSidecar[] {
  const admin = Publishers.find(
    ({ TargetPort, PublishedPort }) => TargetPort === ADMIN_PORT && PublishedPort !== 0,
  )
  return admin === undefined ? [] : [{ name, url: `http://127.0.0.1:${admin.PublishedPort}` }]
}

const CONTAINERS = z
  .array(
    z.object({
      ports: z
        .array(z.object({ name: z.string().optional(), containerPort: z.number() }))
        .default([]),
    }),
  )
  .default([])
const POD = z.object({
  kind: z.literal('Pod'),
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({ initContainers: CONTAINERS, containers: CONTAINERS }),
  status: z.object({ podIP: z.string().default('') }).default({ podIP: '' }),
})
const LIST = z.object({ items: z.array(z.unknown()) })
const SERVICE = z.object({
  Service: z.string(),
  Publishers: z
    .array(z.object({ TargetPort: z.number(), PublishedPort: z.number() }))
    .nullish()
    .transform((publishers) => publishers ?? []),
})
