package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	cliflag "k8s.io/component-base/cli/flag"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	controllermanageroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	kubescheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// What the controller manager runs: all that deal with workloads and access. The one that watches
// nodes must stay out, since our node renews no lease.
var enabledControllers = []string{
	"clusterrole-aggregation", "cronjob", "daemonset", "deployment", "disruption", "endpoints", "endpointslice",
	"garbage-collector", "job", "namespace", "pod-garbage-collector", "replicaset", "resourcequota",
	"root-ca-certificate-publisher", "serviceaccount", "serviceaccount-token", "statefulset",
	"ttl-after-finished", "validatingadmissionpolicy-status",
}

// startEtcd returns the address of an etcd with one member.
func startEtcd(c cluster) (string, error) {
	config := embed.NewConfig()
	config.Dir = c.path("etcd")
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = anyPort, anyPort
	config.ListenPeerUrls, config.AdvertisePeerUrls = anyPort, anyPort
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.UnsafeNoFsync = true
	// A single member waits for its own election.
	config.TickMs, config.ElectionMs = 10, 100
	config.LogLevel = "error"
	config.LogOutputs = []string{c.path("etcd.log")}
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return "", err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return "http://" + etcd.Clients[0].Addr().String(), nil
	case err := <-etcd.Err():
		return "", err
	}
}

func runAPIServer(ctx context.Context, c cluster, listener net.Listener, etcd string) error {
	options := apiserveroptions.NewServerRunOptions()
	err := parse(options.Flags(),
		"--etcd-servers="+etcd,
		// Without the second, the server looks for a default route.
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		// Endpoints refuse an address on loopback.
		"--endpoint-reconciler-type=none",
		// Nobody forwards cluster addresses here; this range never leaves the machine.
		"--service-cluster-ip-range=127.96.0.0/16",
		"--tls-cert-file="+c.path("server.crt"), "--tls-private-key-file="+c.path("server.key"),
		"--client-ca-file="+c.path("ca.crt"),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.path("tokens.key"),
		"--service-account-signing-key-file="+c.path("tokens.key"),
		"--audit-policy-file="+c.path("audit-policy.yaml"), "--audit-log-path="+c.path("audit.log"),
		"--allow-privileged",
	)
	if err != nil {
		return err
	}
	options.SecureServing.Listener = listener
	options.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	if err := options.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := options.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return utilerrors.NewAggregate(errs)
	}
	return apiserver.Run(ctx, completed)
}

func runControllerManager(ctx context.Context, c cluster) error {
	options, err := controllermanageroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	known, disabled, aliases := controllermanager.KnownControllers(), controllermanager.ControllersDisabledByDefault(), controllermanager.ControllerAliases()
	err = parse(options.Flags(known, disabled, aliases), append(clientFlags(c, controllerManager),
		"--root-ca-file="+c.path("ca.crt"),
		"--service-account-private-key-file="+c.path("tokens.key"),
		fmt.Sprintf("--controllers=%s-controller", strings.Join(enabledControllers, "-controller,")),
	)...)
	if err != nil {
		return err
	}
	config, err := options.Config(ctx, known, disabled, aliases)
	if err != nil {
		return err
	}
	return controllermanager.Run(ctx, config.Complete())
}

func runScheduler(ctx context.Context, c cluster) error {
	options := scheduleroptions.NewOptions()
	if err := parse(*options.Flags, clientFlags(c, scheduler)...); err != nil {
		return err
	}
	config, scheduler, err := kubescheduler.Setup(ctx, options)
	if err != nil {
		return err
	}
	return kubescheduler.Run(ctx, config, scheduler)
}

// clientFlags are those of every component that works through the API server.
func clientFlags(c cluster, user string) []string {
	return []string{
		"--kubeconfig=" + c.kubeconfig(user),
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500", "--kube-api-burst=1000",
	}
}

// parse sets options by their flags, which are the documented interface where fields may move.
func parse(sets cliflag.NamedFlagSets, arguments ...string) error {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		all.AddFlagSet(set)
	}
	return all.Parse(arguments)
}
