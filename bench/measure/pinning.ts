import { allowedCpus } from './proc.ts'

/**
 * Who runs where: what makes the load, and the module that answers, on one CPU; what is measured on
 * another, so that neither takes the other's time. With a single CPU they share it.
 */
const [first = 0, second = first] = allowedCpus()
export const LOAD_CPU = first
export const PROXY_CPU = second
/** Where what has several threads may run. */
export const ALL_CPUS = allowedCpus().join(',')
