{{/* A quantity of Kubernetes in bytes, as text: 128Mi is 134217728. Takes (dict "of" KEY "is" QUANTITY). */}}
{{- define "okapi-sidecar.bytes" -}}
{{- $text := kindIs "float64" .is | ternary (printf "%.0f" (float64 .is)) (toString .is) -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- $unit := regexReplaceAll "^[0-9]+([.][0-9]+)?" $text "" -}}
{{- if or (eq $unit $text) (not (hasKey $units $unit)) -}}
{{- fail (printf "okapi-sidecar: %s: %s is no amount of memory; write for example 256Mi" .of $text) -}}
{{- end -}}
{{- printf "%.0f" (mulf (float64 (trimSuffix $unit $text)) (index $units $unit)) -}}
{{- end -}}

{{/* How many threads serve. Takes a scope. */}}
{{- define "okapi-sidecar.workers" -}}
{{- dig "workers" 1 (.values.config | default dict) | int -}}
{{- end -}}

{{/*
What the sidecar needs by the number of its threads (docs/performance.md), in MiB: a thread more has
20 to 40 resident at rest, and what it buffers under load. Takes a scope.
*/}}
{{- define "okapi-sidecar.memoryLimit" -}}
{{- add 128 (mul 64 (sub (include "okapi-sidecar.workers" . | int) 1)) -}}
{{- end -}}

{{/* `resources`, with what is left empty filled in; nothing of one's own is changed. Takes a scope. */}}
{{- define "okapi-sidecar.resources" -}}
{{- $resources := deepCopy (.values.resources | default dict) -}}
{{- $limits := get $resources "limits" | default dict -}}
{{- $requests := get $resources "requests" | default dict -}}
{{- $needs := include "okapi-sidecar.memoryLimit" . | int -}}
{{- if and (hasKey $limits "memory") (eq (toString $limits.memory) "") -}}
{{- $_ := set $limits "memory" (printf "%dMi" $needs) -}}
{{- end -}}
{{- if and (hasKey $requests "memory") (eq (toString $requests.memory) "") -}}
{{- $mebi := add 96 (mul 32 (sub (include "okapi-sidecar.workers" . | int) 1)) | int -}}
{{- with $limits.memory -}}
{{- /* Kubernetes takes no request above its limit. */ -}}
{{- $most := divf (include "okapi-sidecar.bytes" (dict "of" "resources.limits.memory" "is" .)) 1048576 | floor | int -}}
{{- $mebi = min $mebi $most -}}
{{- end -}}
{{- $_ := set $requests "memory" (printf "%dMi" $mebi) -}}
{{- end -}}
{{- range $key, $memory := dict "limits" $limits.memory "requests" $requests.memory -}}
{{- with $memory }}{{ $_ := include "okapi-sidecar.bytes" (dict "of" (printf "resources.%s.memory" $key) "is" .) }}{{ end -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}
