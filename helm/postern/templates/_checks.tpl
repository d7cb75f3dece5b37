{{/* What a schema cannot say in words that help. All of it is told at once. */}}

{{- define "postern.checks" -}}
{{- $problems := list }}
{{- $url := .Values.publicUrl }}
{{- if not $url }}
{{- $problems = append $problems "publicUrl is missing. Write the address at which browsers reach Postern, such as https://sso.example.com." }}
{{- else if not (regexMatch "^(https://[^/]|http://(localhost|[a-z0-9.-]+\\.localhost|127\\.[0-9.]+|\\[::1\\])([:/]|$))" $url) }}
{{- $problems = append $problems (printf "publicUrl is %q. Write an https address, such as https://sso.example.com: browsers keep the cookie of a login nowhere else." $url) }}
{{- else if hasSuffix "/" $url }}
{{- $problems = append $problems (printf "publicUrl is %q. Write it without the slash at its end." $url) }}
{{- end }}
{{- range $name, $at := .Values.secrets }}
{{- if and $at.key (not $at.secret) (not $.Values.existingSecret) }}
{{- $problems = append $problems (printf "existingSecret is missing, and the member %q (secrets.%s) is to be in it. Name the Secret that holds it." $at.key $name) }}
{{- end }}
{{- end }}
{{- $command := dig "seal" "keys_command" list .Values.config }}
{{- if and (not .Values.secrets.sealKeys.key) (not $command) }}
{{- $problems = append $problems "secrets.sealKeys.key is empty. Name the member with the root keys: nothing can be stored without." }}
{{- else if and .Values.secrets.sealKeys.key $command }}
{{- $problems = append $problems "The root keys are given twice: by secrets.sealKeys and by config.seal.keys_command. Set secrets.sealKeys.key to \"\"." }}
{{- end }}
{{- $store := .Values.store.url }}
{{- if and $store .Values.secrets.storeUrl.key }}
{{- $problems = append $problems "store.url is given twice: there, and by secrets.storeUrl. Remove one of the two." }}
{{- else if and (not $store) (not .Values.secrets.storeUrl.key) }}
{{- $problems = append $problems "store.url is missing. Write the address of a Redis, such as redis://redis:6379; one with a password goes into a Secret, see secrets.storeUrl." }}
{{- else if and $store (not (regexMatch "^rediss?(\\+(sentinel|cluster))?://" $store)) }}
{{- $problems = append $problems "store.url does not begin with redis://, redis+sentinel:// or redis+cluster:// (or rediss for redis). In a cluster replicas share a Redis." }}
{{- else if regexMatch "^[^/]+://[^/@]*:[^/@]+@" $store }}
{{- $problems = append $problems "store.url holds a password, which everybody would see who may read ConfigMaps. Write the URL into a Secret and name its member in secrets.storeUrl.key." }}
{{- end }}
{{- if and .Values.store.tls.ca.secret .Values.store.tls.ca.configMap }}
{{- $problems = append $problems "store.tls.ca names a Secret and a ConfigMap. Remove one of the two." }}
{{- end }}
{{- if and $store (not (hasPrefix "rediss" $store)) (or .Values.store.tls.ca.secret .Values.store.tls.ca.configMap .Values.store.tls.clientSecret) }}
{{- $problems = append $problems "store.tls is set, but store.url does not begin with rediss, so there is no TLS. Write rediss for redis." }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- $problems = append $problems "httpRoute.parentRefs is empty. Name the Gateway, such as [{name: public, namespace: gateways}]." }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- $problems = append $problems "autoscaling.minReplicas is greater than autoscaling.maxReplicas." }}
{{- end }}
{{- range $name, $image := dict "image" .Values.image "test.image" .Values.test.image }}
{{- if and $image.digest (not (regexMatch "^sha256:[0-9a-f]{64}$" $image.digest)) }}
{{- $problems = append $problems (printf "%s.digest is %q. Write sha256: and 64 digits from 0 to f." $name $image.digest) }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "\n\n%s\n" (join "\n" $problems)) }}
{{- end }}
{{- end }}
