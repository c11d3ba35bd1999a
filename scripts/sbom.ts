// Writes the bill of materials of what ships (CycloneDX) to standard output. The same sources give
// the same bytes: npm's random serial number and its time of day are left out.
import { execFileSync } from 'node:child_process'

const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only']
const {
  serialNumber: _,
  metadata,
  ...rest
} = JSON.parse(execFileSync('npm', args, { encoding: 'utf8' }))
const { timestamp: __, ...steady } = metadata
process.stdout.write(`${JSON.stringify({ ...rest, metadata: steady }, null, 2)}\n`)
