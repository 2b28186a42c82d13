// Command control-plane is a Kubernetes cluster in one process on loopback: etcd, API server,
// controller manager and scheduler as they are, and one node whose containers are only told of.
//
// It prints "ready" once workloads can be created. Everything it has lies in one folder: the
// kubeconfig of an administrator (admin.kubeconfig), the log of all writes (audit.log), its own logs
// (*.log), and its state. Started on the folder of a cluster that was killed, it goes on with that
// cluster at the same address.
//
// With -at-rest nothing but etcd and the API server runs: what is written stays as it is.
//
// It ends with its standard input, so that it never outlives the test that started it, even one
// that was killed: give it a pipe, not /dev/null. The folder goes with it, and stays after a failure.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// How often is asked whether a component is up.
const poll = 20 * time.Millisecond

func main() {
	dir := flag.String("dir", "", "the `folder` of the cluster")
	broken := flag.String("broken-images", ":broken", "images that cannot be pulled: a `pattern`")
	atRest := flag.Bool("at-rest", false, "run no controllers, no scheduler and no node")
	flag.Parse()

	// Nothing is worth saving, so nothing is stopped: a graceful end takes seconds.
	end := func() {
		_ = os.RemoveAll(*dir)
		os.Exit(0)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		end()
	}()

	if err := run(context.Background(), *dir, *broken, *atRest); err != nil {
		fmt.Fprintln(os.Stderr, "control-plane:", err)
		os.Exit(1)
	}
}

// run returns when the first component fails.
func run(ctx context.Context, dir, brokenImages string, atRest bool) error {
	broken, err := regexp.Compile(brokenImages)
	if err != nil {
		return err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := logTo(filepath.Join(dir, "components.log")); err != nil {
		return err
	}
	cluster, listener, err := open(dir)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	etcd, err := startEtcd(cluster)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	start := func(name string, component func(context.Context) error) {
		group.Go(func() error {
			if err := component(ctx); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return fmt.Errorf("%s ended", name)
		})
	}
	start("API server", func(ctx context.Context) error { return runAPIServer(ctx, cluster, listener, etcd) })

	group.Go(func() error {
		admin, err := cluster.client(admin)
		if err != nil {
			return err
		}
		if err := waitForServer(ctx, admin); err != nil {
			return fmt.Errorf("API server is not ready: %w", err)
		}
		if atRest {
			fmt.Println("ready")
			return nil
		}
		start("controller manager", func(ctx context.Context) error { return runControllerManager(ctx, cluster) })
		start("scheduler", func(ctx context.Context) error { return runScheduler(ctx, cluster) })
		if err := startNode(ctx, cluster, broken); err != nil {
			return fmt.Errorf("node: %w", err)
		}
		if err := waitForServiceAccount(ctx, admin); err != nil {
			return fmt.Errorf("service accounts are not made: %w", err)
		}
		fmt.Println("ready")
		return nil
	})
	return group.Wait()
}

// logTo sends the log of all Kubernetes components to a file.
func logTo(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	// Without one_output, an error appears once for each level below its own.
	if err := flags.Parse([]string{"-logtostderr=false", "-one_output", "-stderrthreshold=FATAL"}); err != nil {
		return err
	}
	klog.SetOutput(file)
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	return nil
}

func waitForServer(ctx context.Context, client kubernetes.Interface) error {
	return wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil, nil
	})
}

// waitForServiceAccount waits for the account that two controllers must work for.
func waitForServiceAccount(ctx context.Context, client kubernetes.Interface) error {
	return wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
}
