{{/* The configuration as JSON, {} where it is a ConfigMap of yours. What is no YAML is refused. */}}
{{- define "meshbot.configuration" -}}
{{- $said := dict -}}
{{- if not .Values.config.existingConfigMap -}}
{{- $said = fromYaml .Values.config.file -}}
{{- if hasKey $said "Error" -}}
{{- fail (printf "config.file is no configuration; `meshbot config check` on it says more: %s" $said.Error) -}}
{{- end -}}
{{- end -}}
{{- $said | toJson -}}
{{- end }}

{{/*
What stands under a key of the configuration, as JSON `{"is": …}`: (list map key kind). Nothing for a key without a value,
which is as good as none; another kind is refused.
*/}}
{{- define "meshbot.under" -}}
{{- $value := get (index . 0) (index . 1) -}}
{{- $kind := index . 2 -}}
{{- if and $value (not (kindIs $kind $value)) -}}
{{- $named := get (dict "map" "keys and values" "slice" "a list" "string" "text") $kind -}}
{{- fail (printf "config.file: `%s` should be %s; `meshbot config check` on it says more" (index . 1) $named) -}}
{{- end -}}
{{- dict "is" $value | toJson -}}
{{- end }}

{{/* Addresses that the configuration names, as JSON `{"metrics": […], "others": […]}`. */}}
{{- define "meshbot.addresses" -}}
{{- $said := include "meshbot.configuration" . | fromJson -}}
{{- $metrics := list -}}
{{- $clusters := (include "meshbot.under" (list $said "clusters" "map") | fromJson).is | default dict -}}
{{- range $name, $_ := $clusters -}}
{{- $cluster := (include "meshbot.under" (list $clusters $name "map") | fromJson).is | default dict -}}
{{- $metrics = append $metrics (include "meshbot.under" (list $cluster "prometheus_url" "string") | fromJson).is -}}
{{- $server := (include "meshbot.under" (list $cluster "prometheus" "map") | fromJson).is | default dict -}}
{{- $metrics = append $metrics (include "meshbot.under" (list $server "proxy_url" "string") | fromJson).is -}}
{{- range $url := (include "meshbot.under" (list $server "urls" "slice") | fromJson).is | default list -}}
{{- $metrics = append $metrics (include "meshbot.under" (list (dict "urls" $url) "urls" "string") | fromJson).is -}}
{{- end -}}
{{- end -}}
{{- $policy := (include "meshbot.under" (list $said "policy" "map") | fromJson).is | default dict -}}
{{- $proof := (include "meshbot.under" (list $policy "step_up" "map") | fromJson).is | default dict -}}
{{- $others := list (include "meshbot.under" (list $proof "url" "string") | fromJson).is -}}
{{- $repositories := (include "meshbot.under" (list $said "repositories" "map") | fromJson).is | default dict -}}
{{- range $name, $_ := $repositories -}}
{{- $repository := (include "meshbot.under" (list $repositories $name "map") | fromJson).is | default dict -}}
{{- $others = append $others (include "meshbot.under" (list $repository "url" "string") | fromJson).is -}}
{{- end -}}
{{- dict "metrics" (compact $metrics) "others" (compact $others) | toJson -}}
{{- end }}
