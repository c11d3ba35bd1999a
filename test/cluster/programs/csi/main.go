// SPIFFE's own CSI driver, by which pods get the socket of an agent without a hostPath volume, and in place of the
// registrar that is installed beside it some lines that tell the kubelet of it.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/go-logr/logr/funcr"
	"github.com/spiffe/spiffe-csi/pkg/driver"
	"github.com/spiffe/spiffe-csi/pkg/server"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const name = "csi.spiffe.io"

type registrar struct {
	registration.UnimplementedRegistrationServer
	socket string
}

func (r *registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type: registration.CSIPlugin, Name: name, Endpoint: r.socket, SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (*registrar) NotifyRegistrationStatus(
	_ context.Context, said *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	fmt.Fprintln(os.Stderr, "registered:", said.PluginRegistered, said.Error)
	return &registration.RegistrationStatusResponse{}, nil
}

// register answers the kubelet at a socket among those of its plugins until that fails.
func register(path, socket string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	registrars := grpc.NewServer()
	registration.RegisterRegistrationServer(registrars, &registrar{socket: socket})
	return registrars.Serve(listener)
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "csi NODE FOLDER SOCKET SOCKET-OF-REGISTRATION")
		os.Exit(2)
	}
	node, folder, socket := os.Args[1], os.Args[2], os.Args[3]
	log := funcr.New(func(prefix, args string) { fmt.Fprintln(os.Stderr, prefix, args) }, funcr.Options{})
	config := driver.Config{Log: log, NodeID: node, PluginName: name, WorkloadAPISocketDir: folder}
	csi, err := driver.New(config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	failed := make(chan error)
	go func() { failed <- server.Run(server.Config{Log: log, CSISocketPath: socket, Driver: csi}) }()
	go func() { failed <- register(os.Args[4], socket) }()
	fmt.Fprintln(os.Stderr, <-failed)
	os.Exit(1)
}
