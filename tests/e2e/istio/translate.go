// Translates routing objects as Istio's control plane does. Each line of the input is a question, each of the output
// its answer: what Istio would send to a sidecar and to a gateway, or why its validation takes the objects not at all.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

const largest = 1 << 24 // bytes of a question

// Objects as YAML documents, and what is known of the pod whose sidecar asks.
type question struct {
	Istio      string
	Kubernetes string
	Namespace  string
	Labels     map[string]string
}

type answer struct {
	Refused string
	Sent    map[string][]json.RawMessage
}

func main() {
	options := log.DefaultOptions()
	options.OutputPaths = []string{"stderr"} // its own default is the output, where the answers are
	must(log.Configure(options))
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, largest)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var asked question
		must(json.Unmarshal(in.Bytes(), &asked))
		var said answer
		must(test.Wrap(func(t test.Failer) { said = translate(t, asked) }))
		must(out.Encode(said))
	}
	must(in.Err())
}

func translate(t test.Failer, asked question) answer {
	configs, _, err := crd.ParseInputs(asked.Istio)
	if err != nil {
		return answer{Refused: err.Error()}
	}
	for place := range configs {
		configs[place].Domain = "cluster.local" // as the reader of a cluster's objects has it: short names are completed by it
	}
	server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{Configs: configs, KubernetesObjectString: asked.Kubernetes})
	sidecar := server.SetupProxy(proxy(model.SidecarProxy, asked.Namespace, asked.Labels))
	gateway := server.SetupProxy(proxy(model.Router, "istio-system", map[string]string{"istio": "ingressgateway"}))
	return answer{Sent: map[string][]json.RawMessage{
		"sidecar": append(written(t, server.Routes(sidecar)), written(t, server.Listeners(sidecar))...),
		"gateway": append(written(t, server.Routes(gateway)), written(t, server.Listeners(gateway))...),
	}}
}

func proxy(kind model.NodeType, namespace string, labels map[string]string) *model.Proxy {
	metadata := &model.NodeMetadata{Labels: labels, Namespace: namespace}
	return &model.Proxy{Type: kind, ConfigNamespace: namespace, Labels: labels, Metadata: metadata}
}

func written[T proto.Message](t test.Failer, messages []T) []json.RawMessage {
	found := []json.RawMessage{}
	for _, one := range messages {
		raw, err := protojson.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, raw)
	}
	return found
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
