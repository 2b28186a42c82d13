package main

import (
	"crypto"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/kubeconfig"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/pkiutil"
)

// The users, each with a certificate of its own, so that the audit log tells them apart.
const (
	admin             = "admin"
	controllerManager = "system:kube-controller-manager"
	scheduler         = "system:kube-scheduler"
	kubelet           = "kubelet"
)

//go:embed audit-policy.yaml
var auditPolicy []byte

// cluster is what its folder holds.
type cluster struct {
	dir string
}

// open makes the files of a new cluster, or finds those of an old one, and listens at its address.
func open(dir string) (cluster, net.Listener, error) {
	c := cluster{dir}
	address, err := os.ReadFile(c.path("address"))
	if err == nil {
		listener, err := net.Listen("tcp4", string(address))
		return c, listener, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return c, nil, err
	}
	listener, err := listen()
	if err != nil {
		return c, nil, err
	}
	if err := c.writeIdentities(listener.Addr().String()); err != nil {
		return c, nil, err
	}
	if err := os.WriteFile(c.path("audit-policy.yaml"), auditPolicy, 0o600); err != nil {
		return c, nil, err
	}
	// Last, since it says that the others are there.
	return c, listener, os.WriteFile(c.path("address"), []byte(listener.Addr().String()), 0o600)
}

// listen takes a port below those that systems give to outgoing connections, so that none of
// these has it when the cluster is started again.
func listen() (net.Listener, error) {
	var err error
	for range 100 {
		var listener net.Listener
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000))
		if listener, err = net.Listen("tcp4", address); err == nil {
			return listener, nil
		}
	}
	return nil, err
}

func (c cluster) path(name string) string {
	return filepath.Join(c.dir, name)
}

func (c cluster) kubeconfig(user string) string {
	return c.path(user + ".kubeconfig")
}

func (c cluster) config(user string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig(user))
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}

func (c cluster) client(user string) (*kubernetes.Clientset, error) {
	config, err := c.config(user)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// writeIdentities writes the authority, the server's certificate, the key that signs tokens of
// service accounts, and a kubeconfig for each user.
func (c cluster) writeIdentities(address string) error {
	authority, authorityKey, err := pkiutil.NewCertificateAuthority(certificate(certutil.Config{CommonName: "control-plane"}))
	if err != nil {
		return err
	}
	if err := pkiutil.WriteCert(c.dir, "ca", authority); err != nil {
		return err
	}
	server, serverKey, err := pkiutil.NewCertAndKey(authority, authorityKey, certificate(certutil.Config{
		CommonName: "kube-apiserver",
		Usages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		AltNames: certutil.AltNames{
			DNSNames: []string{"localhost", "kubernetes.default.svc"},
			IPs:      []net.IP{net.IPv4(127, 0, 0, 1)},
		},
	}))
	if err != nil {
		return err
	}
	if err := pkiutil.WriteCertAndKey(c.dir, "server", server, serverKey); err != nil {
		return err
	}
	tokenKey, err := pkiutil.GeneratePrivateKey(kubeadm.EncryptionAlgorithmECDSAP256)
	if err != nil {
		return err
	}
	if err := pkiutil.WriteKey(c.dir, "tokens", tokenKey); err != nil {
		return err
	}
	for _, user := range []string{admin, controllerManager, scheduler, kubelet} {
		if err := c.writeKubeconfig(user, address, authority, authorityKey); err != nil {
			return err
		}
	}
	return nil
}

func (c cluster) writeKubeconfig(user, address string, authority *x509.Certificate, authorityKey crypto.Signer) error {
	client, key, err := pkiutil.NewCertAndKey(authority, authorityKey, certificate(certutil.Config{
		CommonName:   user,
		Organization: []string{"system:masters"},
		Usages:       []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}))
	if err != nil {
		return err
	}
	encodedKey, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	config := kubeconfig.CreateWithCerts("https://"+address, "test", user,
		pkiutil.EncodeCertPEM(authority), encodedKey, pkiutil.EncodeCertPEM(client))
	return kubeconfig.WriteToDisk(c.kubeconfig(user), config)
}

func certificate(config certutil.Config) *pkiutil.CertConfig {
	return &pkiutil.CertConfig{Config: config, EncryptionAlgorithm: kubeadm.EncryptionAlgorithmECDSAP256}
}
