// Command registry is CNCF distribution with the storage drivers and access
// controllers that tests use, and none of the cloud SDKs.
//
// It ends with its standard input, so that it never outlives the test that
// started it, even one that was killed: give it a pipe, not /dev/null.
package main

import (
	"io"
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/auth/token"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
)

func main() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if err := registry.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
