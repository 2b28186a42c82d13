package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"log/slog"
	"os"
	"regexp"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/apis/v1alpha1"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/gotpl"
	"sigs.k8s.io/yaml"
)

const (
	nodeName = "node"
	nodeIP   = "127.0.0.1"
)

//go:embed stages.yaml
var stages []byte

// startNode adds a node and plays its kubelet: what a pod on it goes through is written in stages.yaml.
func startNode(ctx context.Context, c cluster, broken *regexp.Regexp) error {
	config, err := c.config(kubelet)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := addNode(ctx, client); err != nil {
		return err
	}
	podStages, err := readStages()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(c.path("node.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	controller, err := controllers.NewController(controllers.Config{
		Clock:                     clock.RealClock{},
		TypedClient:               client,
		RESTClient:                client.RESTClient(),
		ManageSingleNode:          nodeName,
		NodeIP:                    nodeIP,
		CIDR:                      "10.128.0.0/9",
		PodPlayStageParallelism:   4,
		NodePlayStageParallelism:  1,
		PodsOnNodeSyncParallelism: 1,
		FuncMap: gotpl.FuncMap{
			"Broken":      broken.MatchString,
			"ContainerID": containerID,
			"ImageID":     imageID,
		},
		LocalStages: map[internalversion.StageResourceRef][]*internalversion.Stage{
			{APIGroup: "v1", Kind: "Pod"}:  podStages,
			{APIGroup: "v1", Kind: "Node"}: nil,
		},
	})
	if err != nil {
		return err
	}
	return controller.Start(kwoklog.NewContext(ctx, kwoklog.NewLogger(file, slog.LevelInfo)))
}

func addNode(ctx context.Context, client kubernetes.Interface) error {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("1k"),
		corev1.ResourceMemory: resource.MustParse("1Ti"),
		corev1.ResourcePods:   resource.MustParse("10k"),
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: nodeName,
			Labels: map[string]string{
				corev1.LabelHostname:   nodeName,
				corev1.LabelOSStable:   "linux",
				corev1.LabelArchStable: "amd64",
			},
		},
		Status: corev1.NodeStatus{
			Capacity:    capacity,
			Allocatable: capacity,
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}},
			Addresses:   []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: nodeIP}},
		},
	}
	_, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	// Every new node is tainted as not ready, and the controller that lifts the taint does not run.
	untainted := []byte(`{"spec":{"taints":null}}`)
	_, err = client.CoreV1().Nodes().Patch(ctx, nodeName, types.MergePatchType, untainted, metav1.PatchOptions{})
	return err
}

func readStages() ([]*internalversion.Stage, error) {
	var all []*internalversion.Stage
	for document := range bytes.SplitSeq(stages, []byte("\n---\n")) {
		var stage v1alpha1.Stage
		if err := yaml.UnmarshalStrict(document, &stage); err != nil {
			return nil, err
		}
		converted, err := internalversion.ConvertToInternalStage(&stage)
		if err != nil {
			return nil, err
		}
		all = append(all, converted)
	}
	return all, nil
}

// containerID tells apart the runs of all containers of all pods.
func containerID(uid, name string, restarts int) string {
	return fmt.Sprintf("containerd://%x", sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", uid, name, restarts)))
}

// imageID is the image's full name with a digest: its own, or one that its tag stands for.
func imageID(image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", err
	}
	content := digest.FromString(reference.TagNameOnly(named).String())
	if digested, ok := named.(reference.Digested); ok {
		content = digested.Digest()
	}
	pinned, err := reference.WithDigest(reference.TrimNamed(named), content)
	if err != nil {
		return "", err
	}
	return pinned.String(), nil
}
