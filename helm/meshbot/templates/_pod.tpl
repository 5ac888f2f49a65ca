{{/* What a container may do: nothing that needs a right of the kernel, and it writes to /tmp only. */}}
{{- define "meshbot.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "meshbot.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- with .Values.podSecurityContext }}
{{ toYaml . }}
{{- end }}
{{- end }}

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
{{- range $root.Values.worker.secretMounts }}
- name: {{ . }}
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
{{- range $root.Values.worker.secretMounts }}
- {name: {{ . }}, mountPath: /run/secrets/{{ . }}, readOnly: true}
{{- end }}
{{- end }}
{{- if and $root.Values.redis.tls.existingSecret (not $root.Values.redis.internal.enabled) }}
- {name: redis-tls, mountPath: /run/secrets/redis-tls, readOnly: true}
{{- end }}
{{- end }}

{{/*
A process: (dict "root" $ "who" component "args" list "probed" port "replicas" number or nil). Its values are those
under its name.
*/}}
{{- define "meshbot.deployment" -}}
{{- $root := .root -}}
{{- $who := .who -}}
{{- $values := index $root.Values $who -}}
{{- $name := printf "%s-%s" (include "meshbot.fullname" $root) $who -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "meshbot.metadata" (list $root $name $who) | nindent 2 }}
spec:
  {{- with .replicas }}
  replicas: {{ . }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels:
      {{- include "meshbot.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ $who }}
  template:
    metadata:
      annotations:
        {{- if and $root.Values.config.rolloutOnChange (not $root.Values.config.existingConfigMap) }}
        checksum/config: {{ $root.Values.config.file | sha256sum }}
        {{- end }}
        kubectl.kubernetes.io/default-container: meshbot
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      labels:
        {{- include "meshbot.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $who }}
        app.kubernetes.io/part-of: meshbot
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "meshbot.account" (list $root $who) }}
      automountServiceAccountToken: {{ eq $who "worker" }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      securityContext:
        {{- include "meshbot.podSecurity" $root | nindent 8 }}
      containers:
        - name: meshbot
          image: {{ include "meshbot.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: [meshbot]
          args: {{ .args | toJson }}
          env:
            {{- include "meshbot.env" (list $root $who) | nindent 12 }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            {{- if eq $who "bot" }}
            - {name: http, containerPort: 3000}
            {{- end }}
            - {name: metrics, containerPort: {{ $root.Values.metrics.port }}}
          {{- if eq $who "bot" }}
          lifecycle:
            # Load balancers hear of the end first; the kubelet sleeps, no program in the image does.
            preStop: {sleep: {seconds: {{ $values.preStopSeconds }}}}
          {{- end }}
          # Slow starts are no deaths: until the first answer, two minutes.
          startupProbe:
            httpGet: {path: /healthz, port: {{ .probed }}}
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /healthz, port: {{ .probed }}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /readyz, port: {{ .probed }}}
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 2
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            {{- include "meshbot.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            {{- include "meshbot.mounts" (list $root $who) | nindent 12 }}
            {{- with $values.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        {{- include "meshbot.volumes" (list $root $who) | nindent 8 }}
        {{- with $values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if $root.Values.topologySpread.enabled }}
      topologySpreadConstraints:
        {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
          # Pods of the version that is going do not count.
          matchLabelKeys: [pod-template-hash]
          labelSelector:
            matchLabels:
              {{- include "meshbot.selector" $root | nindent 14 }}
              app.kubernetes.io/component: {{ $who }}
        {{- end }}
      {{- end }}
      {{- range $key := list "nodeSelector" "tolerations" "affinity" }}
      {{- with index $values $key }}
      {{ $key }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
{{- end }}

{{/* How many pods of a process drains may take: (list root component). */}}
{{- define "meshbot.budget" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
{{- with (index $root.Values $who).podDisruptionBudget -}}
{{- if .enabled -}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "meshbot.metadata" (list $root (printf "%s-%s" (include "meshbot.fullname" $root) $who) $who) | nindent 2 }}
spec:
  maxUnavailable: {{ .maxUnavailable }}
  # A pod that is broken anyway holds up no drain.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "meshbot.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ $who }}
{{- end }}
{{- end }}
{{- end }}
