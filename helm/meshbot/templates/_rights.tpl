{{/* What workers may do; a test compares it with what the code asks for. */}}
{{- define "meshbot.rights" -}}
- {apiGroups: [networking.istio.io], resources: [virtualservices], verbs: [get, list, watch, patch]}
- {apiGroups: [split.smi-spec.io], resources: [trafficsplits], verbs: [get, list, watch, patch]}
- {apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: [get, list, watch, patch]}
- {apiGroups: [gateway.networking.k8s.io], resources: [grpcroutes], verbs: [get, list, watch, patch]}
- {apiGroups: [networking.istio.io], resources: [destinationrules], verbs: [list, watch]}
- {apiGroups: [argoproj.io], resources: [rollouts], verbs: [list, watch]}
- {apiGroups: [flagger.app], resources: [canaries], verbs: [list, watch]}
- {apiGroups: [""], resources: [services], verbs: [get]}
- {apiGroups: [""], resources: [pods], verbs: [list]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list]}
{{- end }}

{{/* The one who may: (root). */}}
{{- define "meshbot.subject" -}}
- kind: ServiceAccount
  name: {{ include "meshbot.account" (list . "worker") }}
  namespace: {{ .Release.Namespace }}
{{- end }}
