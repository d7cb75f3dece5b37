{{/* The configuration file: `config`, and what the chart knows itself. A number in JSON is one in TOML, and so are text and lists. */}}

{{- define "postern.settings" -}}
{{- $s := deepCopy .Values.config }}
{{- range list "operations" "admin" "store" "seal" "oauth" "fetch" }}
{{- $_ := set $s . (default dict (get $s .)) }}
{{- end }}
{{- $loopback := and (eq .Values.mode "sidecar") (not .Values.sidecar.expose) }}
{{- $_ := set $s "public_url" .Values.publicUrl }}
{{- $_ := set $s "listen" (printf "%s:%v" (ternary "127.0.0.1" .Values.listenAddress $loopback) .Values.ports.http) }}
{{- $_ := set $s.admin "listen" (printf "%s:%v" (ternary "127.0.0.1" .Values.listenAddress (eq .Values.mode "sidecar")) .Values.ports.api) }}
{{- $_ := set $s.operations "listen" (printf "%s:%v" .Values.listenAddress .Values.ports.operations) }}
{{- $_ := set $s.operations "drain_seconds" .Values.drainSeconds }}
{{- with .Values.store.url }}{{ $_ := set $s.store "url" . }}{{ end }}
{{- range include "postern.secrets" . | fromYamlArray }}
{{- $names := splitList "." .setting }}
{{- $_ := set (get $s (first $names)) (last $names) .file }}
{{- end }}
{{- with .Values.store.tls }}
{{- if or .ca.secret .ca.configMap }}{{ $_ := set $s.store "ca_files" (list "/run/postern/store/ca.crt") }}{{ end }}
{{- if .clientSecret }}
{{- $_ := set $s.store "client_cert_file" "/run/postern/store/tls.crt" }}
{{- $_ := set $s.store "client_key_file" "/run/postern/store/tls.key" }}
{{- end }}
{{- end }}
{{- toJson $s }}
{{- end }}

{{/* The secrets that are used: which member of which Secret, under which file, for which setting. */}}
{{- define "postern.secrets" -}}
{{- $settings := dict "sealKeys" "seal.keys_file" "apiKeys" "admin.api_keys_file" "storeUrl" "store.url_file" "sentinelPassword" "store.sentinel_password_file" "clientSecretVerifier" "oauth.client_secret_verifier_file" "fetchProxy" "fetch.proxy_file" }}
{{- range $name, $at := .Values.secrets }}
{{- if $at.key }}
- secret: {{ default $.Values.existingSecret $at.secret | quote }}
  key: {{ $at.key | quote }}
  setting: {{ get $settings $name }}
  file: /run/postern/{{ kebabcase $name }}
{{- end }}
{{- end }}
{{- end }}

{{- define "postern.toml" -}}
{{- $settings := include "postern.settings" . | fromJson }}
{{- range $name, $value := $settings }}
{{- if not (kindIs "map" $value) }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- range $section, $members := $settings }}
{{- if kindIs "map" $members }}
{{- if eq $section "regions" }}
{{- range $region, $members := $members }}

[regions.{{ $region }}]
{{- range $name, $value := $members }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- else if $members }}

[{{ $section }}]
{{- range $name, $value := $members }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Under which addresses people come: the public URL and those of the regions, as host and path. */}}
{{- define "postern.addresses" -}}
{{- $main := dict "public_url" .Values.publicUrl }}
{{- range $name, $region := merge (dict "" $main) (default dict .Values.config.regions) }}
{{- $url := urlParse $region.public_url }}
- name: {{ $name | quote }}
  host: {{ $url.hostname | quote }}
  path: {{ default "/" $url.path | quote }}
  {{- /* RFC 8414 §3.1: the well-known part goes between host and path. */}}
  wellKnown: {{ ternary (printf "/.well-known/oauth-authorization-server%s" $url.path) "" (and (eq $name "") (ne $url.path "")) | quote }}
{{- end }}
{{- end }}
