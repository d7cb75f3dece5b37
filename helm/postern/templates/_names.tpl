{{/* Names, labels and images. */}}

{{- define "postern.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* 50 characters, so that `-operations` still fits behind. */}}
{{- define "postern.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "postern.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "postern.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "postern.serviceAccount" -}}
{{- default (ternary (include "postern.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "postern.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "postern.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What Services, budgets and policies find the pods by. Pods of an app have names of their own, so a sidecar adds a label. */}}
{{- define "postern.selector" -}}
{{- if eq .Values.mode "sidecar" -}}
{{ include "postern.sidecarLabels" . }}
{{- else -}}
app.kubernetes.io/name: {{ include "postern.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}
{{- end }}

{{- define "postern.image" -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag }}
{{- end }}
{{- end }}

{{/* Where no digest pins the image, checkov is told that this is known. */}}
{{- define "postern.skipDigest" -}}
{{- if not .digest -}}
checkov.io/skip1: CKV_K8S_43=no digest is configured, so the tag decides
{{- end }}
{{- end }}
