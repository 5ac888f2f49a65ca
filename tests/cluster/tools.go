//go:build tools

// Package cluster pins what a node of a real cluster runs beside kubelet: node.py builds it.
package cluster

import (
	_ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
	_ "github.com/coredns/coredns"
)
