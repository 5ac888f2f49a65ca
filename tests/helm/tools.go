//go:build tools

// Package helm pins the tools that the chart is tested with: tests/e2e/binaries.py builds them.
package helm

import (
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
	_ "helm.sh/helm/v4/cmd/helm"
)
