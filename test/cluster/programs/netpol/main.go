// The network policy controller of kube-router, without its routes and its proxy: iptables and ipsets on the node.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"github.com/cloudnativelabs/kube-router/v2/pkg/utils"
	core "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// The sets of one family. kube-router 2.1.0 calls those of IPv6 `inet6:NAME` and writes NAME into its rules, which
// ip6tables then declines (its issue 1653, mended in 2.1.1). Here a set is called as the rules call it: the family is
// in the hash that is its name. And each handler would write back what it has last read of the other family's sets,
// so here it knows its own alone.
type familySets struct {
	utils.IPSetHandler
	family core.IPFamily
}

func newFamilySets(family core.IPFamily) (*familySets, error) {
	sets, err := utils.NewIPSet(false)
	return &familySets{sets, family}, err
}

func (one *familySets) RefreshSet(name string, entries [][]string, kind string) {
	one.IPSetHandler.RefreshSet(name, entries, kind)
	set := one.Get(name)
	if one.family == core.IPv6Protocol && !slices.Contains(set.Options, utils.FamillyInet6) {
		set.Options = append(set.Options, utils.OptionFamilly, utils.FamillyInet6)
	}
}

func (one *familySets) Save() error {
	if err := one.IPSetHandler.Save(); err != nil {
		return err
	}
	for name, set := range one.Sets() {
		if slices.Contains(set.Options, utils.FamillyInet6) != (one.family == core.IPv6Protocol) {
			delete(one.Sets(), name)
		}
	}
	return nil
}

// Lets pods find their neighbours, as kube-router does since 2.2.0: what it is for IPv4, ARP, meets no rule. The
// chains are kube-router's, which takes those that are there and appends to them.
func letFindNeighbours(rules utils.IPTablesHandler) error {
	for _, chain := range []string{"KUBE-ROUTER-INPUT", "KUBE-ROUTER-FORWARD", "KUBE-ROUTER-OUTPUT"} {
		if err := rules.NewChain("filter", chain); err != nil {
			return err
		}
		for _, kind := range []string{"neighbour-solicitation", "neighbour-advertisement"} {
			args := []string{"-p", "ipv6-icmp", "--icmpv6-type", kind, "-j", "ACCEPT"}
			if err := rules.AppendUnique("filter", chain, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

func run(kubeconfig, node string, services []string, stop <-chan struct{}) error {
	access, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return err
	}
	config := options.NewKubeRouterConfig()
	config.HostnameOverride = node
	config.ClusterIPCIDRs = services
	for _, network := range services {
		if strings.Contains(network, ":") {
			config.EnableIPv6 = true
		} else {
			config.EnableIPv4 = true
		}
	}
	// What an event did not bring about is made up for soon.
	config.IPTablesSyncPeriod = 10 * time.Second

	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(stop)
	factory.WaitForCacheSync(stop)

	tables, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}
	for family := range sets {
		if sets[family], err = newFamilySets(family); err != nil {
			return err
		}
	}
	if config.EnableIPv6 {
		if err := letFindNeighbours(tables[core.IPv6Protocol]); err != nil {
			return err
		}
	}
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, policies, namespaces, &sync.Mutex{}, tables, sets)
	if err != nil {
		return err
	}
	for informer, handler := range map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		pods:       controller.PodEventHandler,
		namespaces: controller.NamespaceEventHandler,
		policies:   controller.NetworkPolicyEventHandler,
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	beats := make(chan *healthcheck.ControllerHeartbeat, 10)
	go func() {
		for range beats {
		}
	}()
	var working sync.WaitGroup
	working.Add(1)
	controller.Run(beats, stop, &working)
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "netpol KUBECONFIG NODE NETWORK-OF-SERVICES,...")
		os.Exit(2)
	}
	stop, told := make(chan struct{}), make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	go func() { <-told; close(stop) }()
	if err := run(os.Args[1], os.Args[2], strings.Split(os.Args[3], ","), stop); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
