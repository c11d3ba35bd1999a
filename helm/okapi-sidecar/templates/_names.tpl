{{/*
Every template takes the root context of the chart that calls it. Called from a chart that has this one
as a dependency, the values stand under the dependency's name (or alias: (dict "root" . "values" ...)).
*/}}
{{- define "okapi-sidecar.scope" -}}
{{- $root := .root | default . -}}
{{- $values := .values -}}
{{- if not $values -}}
{{- $values = index $root.Values "okapi-sidecar" | default $root.Values -}}
{{- end -}}
{{- $module := $values.module -}}
{{- if not $module -}}
{{- fail "okapi-sidecar: module is missing, for example module: mod-users-19.7.0" -}}
{{- end -}}
{{- include "okapi-sidecar.checks.sections" $values -}}
{{- /* Product and version are split at the first "-" that a digit follows, as Okapi does. */ -}}
{{- $product := regexReplaceAll "^(.*?)-[0-9].*$" $module "${1}" -}}
{{- if eq $product $module -}}
{{- fail (printf "okapi-sidecar: module: %s has no version; write the id that Okapi knows, for example %s-19.7.0" $module (trimSuffix "-" $module)) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?-[0-9][-0-9A-Za-z.+]*$" $module) -}}
{{- fail (printf "okapi-sidecar: module: %s is no module id; write a lower-case name and its version, for example mod-users-19.7.0 or mod-users-19.8.0-SNAPSHOT.123" $module) -}}
{{- end -}}
{{- $role := $values.role | default (eq $product "okapi" | ternary "okapi" (hasPrefix "edge-" $product | ternary "edge" "module")) -}}
{{- if and (eq $values.mode "native") (semverCompare "<1.29.0-0" $root.Capabilities.KubeVersion.Version) -}}
{{- fail (printf "okapi-sidecar: native sidecars need Kubernetes 1.29 and this is %s; set mode: container" $root.Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if gt (len $product) 63 -}}
{{- fail (printf "okapi-sidecar: module: %s has %d characters without its version, and Kubernetes takes 63 for the name of a Service and a container" $product (len $product)) -}}
{{- end -}}
{{- /* Labels and names take no dots or plus signs beyond what Kubernetes allows, and 63 characters; what
is longer ends in a checksum, so that two versions are never called the same. */ -}}
{{- $slug := $module | lower | replace "." "-" | replace "+" "-" | replace "_" "-" | trimSuffix "-" -}}
{{- if gt (len $slug) 45 }}{{ $slug = printf "%s-%s" (trunc 36 $slug | trimSuffix "-") (sha256sum $module | trunc 8) }}{{ end -}}
{{- $label := $module | replace "+" "_" -}}
{{- if gt (len $label) 63 }}{{ $label = printf "%s-%s" (trunc 54 $label) (sha256sum $module | trunc 8) }}{{ end -}}
{{- $scope := dict
  "values" $values
  "product" $product
  "label" $label
  "role" $role
  "name" (printf "%s-sidecar" $slug)
  "release" $root.Release.Name
  "namespace" $root.Release.Namespace
  "kubernetes" $root.Capabilities.KubeVersion.Version
  "chart" (printf "okapi-sidecar-%s" "0.1.0")
  "appVersion" "0.1.0"
  "service" ($values.service.name | default $product)
  "account" ($values.serviceAccount.name | default $slug)
  "secret" (eq $values.credentials.from "secret" | ternary $values.credentials.secret.name (printf "%s-tls" $slug))
  "policy" ($values.policy.configMap | default (printf "%s-policy" $slug))
  "port" ($values.workload.port | default (eq $role "okapi" | ternary 9130 8081))
  "egress" (dig "egress" "listen" "127.0.0.1:9130" ($values.config | default dict) | regexFind "[0-9]+$" | int)
-}}
{{- include "okapi-sidecar.checks" $scope -}}
{{- toJson $scope -}}
{{- end -}}

{{/* What finds the pods, also those of another chart that the sidecar was put into. */}}
{{- define "okapi-sidecar.selector" -}}
okapi-sidecar/product: {{ .product }}
okapi-sidecar/module: {{ .label | quote }}
{{- end -}}

{{- define "okapi-sidecar.labels" -}}
{{ include "okapi-sidecar.selector" . }}
app.kubernetes.io/name: {{ .product }}
app.kubernetes.io/instance: {{ .release }}
app.kubernetes.io/component: okapi-sidecar
app.kubernetes.io/managed-by: Helm
helm.sh/chart: {{ .chart }}
{{- end -}}

{{- define "okapi-sidecar.image" -}}
{{- with .values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.appVersion }}{{ end }}
{{- end -}}
{{- end -}}
