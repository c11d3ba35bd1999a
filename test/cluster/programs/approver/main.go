// approver-policy itself.
package main

import "github.com/cert-manager/approver-policy/pkg/cmd"

func main() {
	cmd.ExecutePolicyApprover()
}
