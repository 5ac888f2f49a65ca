{{/*
The secrets a process gets, as JSON `{"all": [{variable, file, secret, key}]}`: (list root component).
Variable is the name in the environment without `_FILE`.
*/}}
{{- define "meshbot.secrets" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
{{- $keys := $root.Values.secrets.keys -}}
{{- $wanted := list -}}
{{- if has $who (list "bot" "worker" "doctor") -}}
{{- $wanted = append $wanted (list "SLACK_BOT_TOKEN" $keys.slackBotToken) -}}
{{- end -}}
{{- if has $who (list "bot" "doctor") -}}
{{- if eq $root.Values.slack.mode "http" -}}
{{- $wanted = append $wanted (list "SLACK_SIGNING_SECRET" $keys.slackSigningSecret) -}}
{{- else -}}
{{- $wanted = append $wanted (list "SLACK_APP_TOKEN" $keys.slackAppToken) -}}
{{- end -}}
{{- if $root.Values.hooks.enabled -}}
{{- $wanted = append $wanted (list "MESHBOT_HOOK_TOKEN" $keys.hookToken) -}}
{{- end -}}
{{- if $root.Values.hooks.flagger -}}
{{- $wanted = append $wanted (list "MESHBOT_FLAGGER_TOKEN" $keys.flaggerToken) -}}
{{- end -}}
{{- end -}}
{{- if and (has $who (list "worker" "doctor")) $root.Values.prometheus.fromSecret -}}
{{- $wanted = append $wanted (list "PROMETHEUS_URL" $keys.prometheusUrl) -}}
{{- end -}}
{{- $all := list -}}
{{- range $wanted -}}
{{- $all = append $all (dict "variable" (index . 0) "key" (index . 1) "secret" $root.Values.secrets.existingSecret) -}}
{{- end -}}
{{- $redis := list -}}
{{- if $root.Values.redis.internal.enabled -}}
{{- $redis = append $redis (list "REDIS_URL" "url") -}}
{{- else -}}
{{- if not $root.Values.redis.url -}}
{{- $redis = append $redis (list "REDIS_URL" $keys.redisUrl) -}}
{{- end -}}
{{- if $root.Values.redis.passwordFromSecret -}}
{{- $redis = append $redis (list "REDIS_PASSWORD" $keys.redisPassword) -}}
{{- end -}}
{{- if $root.Values.redis.sentinel.passwordFromSecret -}}
{{- $redis = append $redis (list "REDIS_SENTINEL_PASSWORD" $keys.redisSentinelPassword) -}}
{{- end -}}
{{- end -}}
{{- range $redis -}}
{{- $all = append $all (dict "variable" (index . 0) "key" (index . 1) "secret" (include "meshbot.redisSecret" $root)) -}}
{{- end -}}
{{- dict "all" $all | toJson -}}
{{- end }}

{{/* Environment of a process: (list root component). */}}
{{- define "meshbot.env" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
# What libraries keep for themselves goes to the one place that can be written.
- {name: HOME, value: /tmp}
- {name: MPLCONFIGDIR, value: /tmp/matplotlib}
- {name: MESHBOT_CONFIG, value: /etc/meshbot/meshbot.yaml}
- {name: MESHBOT_METRICS_PORT, value: {{ $root.Values.metrics.port | quote }}}
- {name: MESHBOT_LOG, value: {{ $root.Values.log.form }}}
{{- range (include "meshbot.secrets" . | fromJson).all }}
- {name: {{ .variable }}_FILE, value: /run/secrets/meshbot/{{ .variable }}}
{{- end }}
{{- if not $root.Values.redis.internal.enabled }}
{{- with $root.Values.redis }}
{{- range $name, $value := dict "REDIS_URL" .url "REDIS_USERNAME" .username "REDIS_SENTINEL_USERNAME" .sentinel.username "REDIS_COPIES" (toString .copies) }}
{{- if $value }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- if .tls.existingSecret }}
{{- range $name, $key := dict "CA" .tls.caKey "CERT" .tls.certKey "KEY" .tls.keyKey }}
{{- if $key }}
- {name: REDIS_TLS_{{ $name }}, value: /run/secrets/redis-tls/{{ $name }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with $root.Values.tracing.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- with $root.Values.slack.apiUrl }}
- {name: SLACK_API_URL, value: {{ . | quote }}}
{{- end }}
{{- if has $who (list "worker" "doctor") }}
{{- with $root.Values.prometheus.url }}
- {name: PROMETHEUS_URL, value: {{ . | quote }}}
{{- end }}
{{- if $root.Values.kubeconfig.existingSecret }}
- {name: KUBECONFIG, value: /run/secrets/kubeconfig/kubeconfig}
{{- end }}
{{- end }}
{{- end }}

{{/* Volumes of a process: (list root component). */}}
{{- define "meshbot.volumes" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
- name: tmp
  emptyDir: {sizeLimit: {{ eq $who "worker" | ternary $root.Values.worker.tmpSize "128Mi" }}}
# A directory, not a single file: a changed ConfigMap arrives in it.
- name: config
  configMap: {name: {{ include "meshbot.configMap" $root }}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range (include "meshbot.secrets" . | fromJson).all }}
      - secret: {name: {{ .secret }}, items: [{key: {{ .key }}, path: {{ .variable }}}]}
      {{- end }}
{{- if and (has $who (list "worker" "doctor")) $root.Values.kubeconfig.existingSecret }}
- name: kubeconfig
  secret:
    secretName: {{ $root.Values.kubeconfig.existingSecret }}
    defaultMode: 0440
    items: [{key: {{ $root.Values.kubeconfig.key }}, path: kubeconfig}]
{{- end }}
{{- if has $who (list "worker" "doctor") }}
{{- range $i, $_ := $root.Values.worker.secretMounts }}
- name: mounted-{{ $i }}
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- with $root.Values.redis.tls }}
{{- if and .existingSecret (not $root.Values.redis.internal.enabled) }}
- name: redis-tls
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      {{- range $name, $key := dict "CA" .caKey "CERT" .certKey "KEY" .keyKey }}
      {{- if $key }}
      - {key: {{ $key }}, path: {{ $name }}}
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where they are mounted: (list root component). */}}
{{- define "meshbot.mounts" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
- {name: tmp, mountPath: /tmp}
- {name: config, mountPath: /etc/meshbot, readOnly: true}
- {name: secrets, mountPath: /run/secrets/meshbot, readOnly: true}
{{- if and (has $who (list "worker" "doctor")) $root.Values.kubeconfig.existingSecret }}
- {name: kubeconfig, mountPath: /run/secrets/kubeconfig, readOnly: true}
{{- end }}
{{- if has $who (list "worker" "doctor") }}
{{- range $i, $_ := $root.Values.worker.secretMounts }}
- {name: mounted-{{ $i }}, mountPath: /run/secrets/{{ . }}, readOnly: true}
{{- end }}
{{- end }}
{{- if and $root.Values.redis.tls.existingSecret (not $root.Values.redis.internal.enabled) }}
- {name: redis-tls, mountPath: /run/secrets/redis-tls, readOnly: true}
{{- end }}
{{- end }}
