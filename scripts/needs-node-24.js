// Plain JavaScript on purpose: it must run on the old Node that it warns about.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(`okapi-sidecar: error: this is Node ${process.versions.node}, Node 24 is needed`)
  console.error(
    'okapi-sidecar: hint: run `npm ci` without --ignore-scripts; it brings a Node 24 of its own',
  )
  process.exit(2)
}
