{{- define "meshbot.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The beginning of all names, short enough for what comes behind it. */}}
{{- define "meshbot.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $whole := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $whole .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- end }}

{{- define "meshbot.selector" -}}
app.kubernetes.io/name: {{ include "meshbot.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "meshbot.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "meshbot.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Metadata of an object: (list root name component), and labels of its own that count more than common ones. */}}
{{- define "meshbot.metadata" -}}
{{- $root := index . 0 -}}
{{- $labels := include "meshbot.labels" $root | fromYaml }}
{{- with index . 2 }}{{ $_ := set $labels "app.kubernetes.io/component" . }}{{ end }}
{{- if gt (len .) 3 }}{{ $labels = mergeOverwrite $labels (index . 3) }}{{ end -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- end }}

{{/* Name of a process's account: (list root component). */}}
{{- define "meshbot.account" -}}
{{- $root := index . 0 -}}
{{- $account := index $root.Values.serviceAccounts (index . 1) -}}
{{ default (printf "%s-%s" (include "meshbot.fullname" $root) (index . 1)) $account.name }}
{{- end }}

{{- define "meshbot.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end }}
{{- end }}
{{- end }}

{{- define "meshbot.redisSecret" -}}
{{- with .Values.redis -}}
{{- if .internal.enabled -}}
{{ default (printf "%s-redis" (include "meshbot.fullname" $)) .internal.existingSecret }}
{{- else -}}
{{ default $.Values.secrets.existingSecret .existingSecret }}
{{- end }}
{{- end }}
{{- end }}

{{- define "meshbot.configMap" -}}
{{ default (printf "%s-config" (include "meshbot.fullname" .)) .Values.config.existingConfigMap }}
{{- end }}
