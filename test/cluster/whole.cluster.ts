// The chart in a real Kubernetes, in the order in which an operator would meet it.
import './starting.ts'
import './guarding.ts'
import './jobs.ts'
import './rotating.ts'
import './ending.ts'
import './closing.ts'
import './accepting.ts'
import './issuing.ts'
