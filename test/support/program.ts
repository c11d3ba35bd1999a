import { programToTest } from '../../scripts/test-program.ts'

/** The program that tests start as a process: see scripts/test-program.ts. */
export const MAIN = programToTest()
