// cert-manager's webhook itself: it writes into a request who has made it, and refuses objects that are wrong.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	config "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	"github.com/cert-manager/cert-manager/internal/webhook"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"k8s.io/klog/v2/textlogger"
)

func run(ctx context.Context, kubeconfig, certificate, key string, port int) error {
	log := textlogger.NewLogger(textlogger.NewConfig())
	options := config.WebhookConfiguration{
		SecurePort:           int32(port),
		HealthzPort:          int32(port + 1),
		KubeConfig:           kubeconfig,
		MetricsListenAddress: "0",
	}
	options.TLSConfig.Filesystem.CertFile = certificate
	options.TLSConfig.Filesystem.KeyFile = key
	server, err := webhook.NewCertManagerWebhookServer(log, options)
	if err != nil {
		return err
	}
	return server.Run(logs.NewContext(ctx, log))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "webhook KUBECONFIG CERTIFICATE KEY PORT")
		os.Exit(2)
	}
	port, err := strconv.Atoi(os.Args[4])
	if err == nil {
		err = run(ctx, os.Args[1], os.Args[2], os.Args[3], port)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
