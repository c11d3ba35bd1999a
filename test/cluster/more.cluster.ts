// What an operator has beside the chart in a real Kubernetes: another helm, a network plugin that
// enforces policies, and others.
import './upgrading.ts'
import './enforcing.ts'
import './approving.ts'
import './attesting.ts'
import './outliving.ts'
import './post-rendering.ts'
