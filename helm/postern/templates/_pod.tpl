{{/* The container, its volumes, and the sidecar that charts of apps include. */}}

{{- define "postern.container" -}}
name: postern
image: {{ include "postern.image" (merge (dict "tag" (default .Chart.AppVersion .Values.image.tag)) .Values.image) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- if eq .Values.mode "sidecar" }}
restartPolicy: Always
{{- end }}
args: [serve, --config, /etc/postern/postern.toml]
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - {name: {{ include "postern.port" (list . "http") }}, containerPort: {{ .Values.ports.http }}, protocol: TCP}
  - {name: {{ include "postern.port" (list . "api") }}, containerPort: {{ .Values.ports.api }}, protocol: TCP}
  - {name: {{ include "postern.port" (list . "operations") }}, containerPort: {{ .Values.ports.operations }}, protocol: TCP}
startupProbe:
  httpGet: {path: /health/live, port: {{ include "postern.port" (list . "operations") }}}
  {{- toYaml .Values.probes.startup | nindent 2 }}
livenessProbe:
  httpGet: {path: /health/live, port: {{ include "postern.port" (list . "operations") }}}
  {{- toYaml .Values.probes.liveness | nindent 2 }}
readinessProbe:
  httpGet: {path: /health/ready, port: {{ include "postern.port" (list . "operations") }}}
  {{- toYaml .Values.probes.readiness | nindent 2 }}
{{- with .Values.preStopSeconds }}
lifecycle:
  preStop:
    sleep: {seconds: {{ . }}}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  - {name: postern-config, mountPath: /etc/postern, readOnly: true}
  - {name: postern-secrets, mountPath: /run/postern, readOnly: true}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The name of a port. In the pod of an app, which has names of its own, ours say whose they are. */}}
{{- define "postern.port" -}}
{{- $root := first . }}{{ $port := last . -}}
{{- if eq $root.Values.mode "sidecar" -}}
{{ dict "http" "postern" "api" "postern-api" "operations" "postern-ops" | dig $port "" }}
{{- else -}}
{{ $port }}
{{- end }}
{{- end }}

{{- define "postern.volumes" -}}
{{- $tls := .Values.store.tls -}}
- name: postern-config
  configMap:
    name: {{ include "postern.fullname" . }}
- name: postern-secrets
  projected:
    {{- /* A pod of our own has a group that may read them. The pod of an app has its own, or none; there Postern alone mounts them. */}}
    defaultMode: {{ ternary "0444" "0440" (eq .Values.mode "sidecar") }}
    sources:
      {{- range include "postern.secrets" . | fromYamlArray }}
      - secret: {name: {{ .secret }}, items: [{key: {{ .key }}, path: {{ base .file }}}]}
      {{- end }}
      {{- if $tls.ca.secret }}
      - secret: {name: {{ $tls.ca.secret }}, items: [{key: {{ $tls.ca.key }}, path: store/ca.crt}]}
      {{- else if $tls.ca.configMap }}
      - configMap: {name: {{ $tls.ca.configMap }}, items: [{key: {{ $tls.ca.key }}, path: store/ca.crt}]}
      {{- end }}
      {{- with $tls.clientSecret }}
      - secret: {name: {{ . }}, items: [{key: tls.crt, path: store/tls.crt}, {key: tls.key, path: store/tls.key}]}
      {{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Pods are replaced when the configuration changes. */}}
{{- define "postern.checksum" -}}
postern/config-checksum: {{ include "postern.toml" . | sha256sum }}
{{- end }}

{{/* How long the kubelet waits: for the hook, the drain, 10 seconds for what is being answered, and 5 to spare. */}}
{{- define "postern.gracePeriod" -}}
{{ add .Values.preStopSeconds .Values.drainSeconds 15 }}
{{- end }}

{{/* For the chart of an app: `initContainers`, and with it `volumes`, `labels` and `annotations` of its pods. */}}
{{- define "postern.sidecar" -}}
{{- if ne .Values.mode "sidecar" }}{{ fail "\n\npostern.sidecar is included, but mode is standalone. Set mode to sidecar." }}{{ end -}}
- {{ include "postern.container" . | nindent 2 | trim }}
{{- end }}

{{- define "postern.sidecarLabels" -}}
postern-sidecar: {{ include "postern.fullname" . }}
{{- end }}
