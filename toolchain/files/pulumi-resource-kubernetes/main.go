// pulumi-resource-kubernetes serves Pulumi's Kubernetes provider. The provider's own main package embeds files that
// its module does not hold; the toolchain puts them here.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

//go:embed version.txt
var version string

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

func main() { provider.Serve("kubernetes", version, schema, mapping) }
