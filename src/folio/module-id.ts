import { parseSemVer, type SemVer } from './semver.ts'

/** A module id, split as Okapi does it (okapi-common ModuleId.java). */
export interface ModuleId {
  readonly id: string
  readonly product: string
  readonly version: SemVer
}

/**
 * Splits at the first `-` before a digit. `version` is undefined for a bare product, and is not
 * checked here. `mod-2fa-1.0.0` splits into `mod` and `2fa-1.0.0`, as in Okapi.
 */
export function splitModuleId(text: string): { product: string; version: string | undefined } {
  for (let i = text.indexOf('-'); i >= 0; i = text.indexOf('-', i + 1)) {
    const next = text.charCodeAt(i + 1)
    if (next >= 0x30 && next <= 0x39) {
      return { product: text.slice(0, i), version: text.slice(i + 1) }
    }
  }
  return { product: text, version: undefined }
}

/** A full id, product and version; undefined where either is missing or Okapi would refuse it. */
export function parseModuleId(text: string): ModuleId | undefined {
  const { product, version } = splitModuleId(text)
  if (product === '' || version === undefined) return undefined
  const parsed = parseSemVer(version)
  return parsed && { id: text, product, version: parsed }
}

/** The product of a full id, or the text itself if it has no version. */
export function productOf(text: string): string {
  return splitModuleId(text).product
}

/** Is this the id or the product of Okapi itself? `okapi-test-module-1` is not. */
export function isOkapi(text: string): boolean {
  return productOf(text) === 'okapi'
}
