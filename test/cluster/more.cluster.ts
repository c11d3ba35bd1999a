// What an operator has beside the chart in a real Kubernetes: a network plugin that enforces policies, and others.
import './enforcing.ts'
import './post-rendering.ts'
