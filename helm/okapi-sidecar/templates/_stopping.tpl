{{/*
How a pod ends without losing a call (docs/stopping.md): the sidecar's preStop hook sends callers elsewhere,
the module goes on for some seconds and then gets SIGTERM, and its sidecar after it.
*/}}

{{/* `lifecycle:` of the module, empty where it is turned off. Takes the root context. */}}
{{- define "okapi-sidecar.lifecycle" -}}
{{- $scope := include "okapi-sidecar.scope" . | fromJson -}}
{{- with int $scope.values.workload.preStopSeconds -}}
preStop:
  {{- if semverCompare ">=1.30.0-0" $scope.kubernetes }}
  sleep: { seconds: {{ . }} }
  {{- else }}
  # Kubernetes waits by itself from 1.30 on: here the module's image needs the program.
  exec: { command: [sleep, "{{ . }}"] }
  {{- end }}
{{- end -}}
{{- end -}}

{{/* From not ready to closed listeners. An ordinary container is told with its module: it waits for it. Takes a scope. */}}
{{- define "okapi-sidecar.delayMs" -}}
{{- $byDefault := eq .values.mode "container" | ternary (mul 1000 (add 5 (int .values.workload.preStopSeconds))) 0 -}}
{{- dig "drain" "delayMs" $byDefault (.values.config | default dict) | int -}}
{{- end -}}

{{/* Seconds that a pod has to end, when the module needs so many after its SIGTERM. Takes (dict "scope" SCOPE "module" SECONDS). */}}
{{- define "okapi-sidecar.stopSeconds" -}}
{{- $config := .scope.values.config | default dict -}}
{{- $module := add (int .scope.values.workload.preStopSeconds) .module -}}
{{- $delay := divf (include "okapi-sidecar.delayMs" .scope | float64) 1000 | ceil | int -}}
{{- $drain := divf (dig "limits" "drainTimeoutMs" 25000 $config | float64) 1000 | ceil | int -}}
{{- add (max $module $delay) $drain -}}
{{- end -}}

{{/* terminationGracePeriodSeconds: what is set, else what is needed with 30 s for the module. Takes the root context. */}}
{{- define "okapi-sidecar.graceSeconds" -}}
{{- $scope := include "okapi-sidecar.scope" . | fromJson -}}
{{- $set := int $scope.values.workload.terminationGracePeriodSeconds -}}
{{- $set | default (include "okapi-sidecar.stopSeconds" (dict "scope" $scope "module" 30) | int) -}}
{{- end -}}
