const NONE = '-'

/** Three digits that matter: 1234 1.23 0.123; `-` for what was not measured. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NONE
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}

/** A ratio as `0.97`. */
export function ratio(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? NONE : value.toFixed(2)
}

/** Bytes as MB with one decimal. */
export function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? NONE : (bytes / 1e6).toFixed(1)
}

/** Milliseconds as `2:07`. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** Without decimals; `-` for what was not measured. */
export function whole(value: number): string {
  return Number.isFinite(value) ? value.toFixed(0) : NONE
}
