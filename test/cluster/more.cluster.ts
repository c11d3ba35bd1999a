// What an operator has beside the chart in a real Kubernetes: a network plugin that enforces policies, and others.
import './enforcing.ts'
import './approving.ts'
import './attesting.ts'
import './outliving.ts'
import './post-rendering.ts'
