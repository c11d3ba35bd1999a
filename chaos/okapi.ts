import { LEDGER, TENANTS } from './call.ts'

/** What an operator says to a new Okapi: where the module is, and that each tenant has it. */
export async function introduce(port: number, moduleUrl: string): Promise<boolean> {
  const okapi = `http://127.0.0.1:${port}`
  const answers = [
    await post(`${okapi}/_/discovery/modules`, { srvcId: LEDGER, instId: LEDGER, url: moduleUrl }),
  ]
  for (const tenant of TENANTS) {
    answers.push(await post(`${okapi}/_/proxy/tenants/${tenant}/modules`, { id: LEDGER }))
  }
  return answers.every((status) => status === 201)
}

async function post(url: string, json: unknown): Promise<number> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(json),
      signal: AbortSignal.timeout(5000),
    })
    await answer.arrayBuffer()
    return answer.status
  } catch {
    return 0
  }
}
