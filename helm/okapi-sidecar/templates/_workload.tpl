{{/* Whether there may be several pods: `replicas: null` leaves their number to an autoscaler. Takes values.workload. */}}
{{- define "okapi-sidecar.several" -}}
{{- if or (kindIs "invalid" .replicas) (gt (int .replicas) 1) }}true{{ end -}}
{{- end -}}

{{/*
The environment of the module: what the chart sets, then yours. A name that the chart sets is not there a second time:
server-side apply, by which helm 4 installs, refuses a name that is there twice. Takes a scope.
*/}}
{{- define "okapi-sidecar.moduleEnv" -}}
{{- $all := list -}}
{{- if ne .role "okapi" -}}
{{- $all = append $all (dict "name" "OKAPI_URL" "value" (printf "http://localhost:%d" (int .egress))) -}}
{{- end -}}
{{- $all = concat $all (include "okapi-sidecar.database.env" .values | fromYamlArray) -}}
{{- $all = concat $all (include "okapi-sidecar.kafka.env" .values | fromYamlArray) -}}
{{- $own := dict -}}
{{- range $all }}{{ $_ := set $own .name true }}{{ end -}}
{{- range .values.workload.env -}}
{{- if not (hasKey $own (toString .name)) }}{{ $all = append $all . }}{{ end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}
