import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

const HOME = join(import.meta.dirname, '..', '..', 'node_modules/.cache/chart-tools')

/** Where `npm run chart-tools` puts programs that the machine does not have. */
export const BIN = join(HOME, 'bin')
/** Where `npm run chart-tools -- more` puts helm 4. It is called `helm` too, and by that name manages fields. */
export const BIN_OF_HELM_4 = join(HOME, 'helm-4')
export const HELM_4 = join(BIN_OF_HELM_4, 'helm')
/** Where it puts helm's plugins. */
export const PLUGINS = join(HOME, 'plugins')
/** Where it puts what a version of Kubernetes says of its resources: a folder a version. */
export const SCHEMAS = join(HOME, 'schemas')

/**
 * What the rendered chart is held against: the oldest that it is for (`mode: container`), the oldest with
 * native sidecars, and the newest.
 */
export const KUBERNETES = ['1.25.16', '1.29.15', '1.36.3'] as const

/** Whose resources the chart makes besides Kubernetes' own, by the version that it is held against. */
export const OPERATORS = {
  certManager: 'github.com/cert-manager/cert-manager@v1.21.2',
  approverPolicy: 'github.com/cert-manager/approver-policy@v0.28.0',
  prometheus: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
} as const

// The machine's own programs go first, unless `CHART_HELM=4` asks for helm 4.
const { PATH = '', HELM_PLUGINS = PLUGINS, CHART_HELM } = process.env
if (!PATH.split(delimiter).includes(BIN)) {
  const first = CHART_HELM === '4' ? [BIN_OF_HELM_4] : []
  Object.assign(process.env, { PATH: [...first, PATH, BIN].join(delimiter) })
}
if (CHART_HELM !== undefined && (CHART_HELM !== '4' || !existsSync(HELM_4))) {
  throw new Error(`CHART_HELM=${CHART_HELM}: only 4, after npm run chart-tools -- more`)
}
if (existsSync(PLUGINS)) Object.assign(process.env, { HELM_PLUGINS })

/** Whether helm would find a plugin, by the place where it lies: asking starts every one of them. */
export function hasPlugin(name: string): boolean {
  const { HELM_PLUGINS: home = join(homedir(), '.local/share/helm/plugins') } = process.env
  return home.split(delimiter).some((folder) => existsSync(join(folder, name, 'plugin.yaml')))
}
