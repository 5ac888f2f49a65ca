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
A process: (dict "root" $ "who" component "args" list "probed" port "replicas" number or nil). Its values are those
under its name.
*/}}
{{- define "meshbot.deployment" -}}
{{- $root := .root -}}
{{- $who := .who -}}
{{- $values := index $root.Values $who -}}
{{- $name := printf "%s-%s" (include "meshbot.fullname" $root) $who -}}
{{- if ge (int $values.preStopSeconds) (int $values.terminationGracePeriodSeconds) }}
{{- fail (printf "%s.preStopSeconds must be below %s.terminationGracePeriodSeconds, or nothing is left to finish in" $who $who) }}
{{- end -}}
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
      {{- include "meshbot.placement" $values | nindent 6 }}
{{- end }}

{{/* On which nodes: values with these keys. */}}
{{- define "meshbot.placement" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with index $ $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
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
