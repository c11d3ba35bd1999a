{{/* `postgres` of sidecar.yaml, as JSON. Takes values. */}}
{{- define "okapi-sidecar.database.config" -}}
{{- $list := list -}}
{{- range $i, $each := .postgres -}}
{{- $entry := omit $each "to" "trust" -}}
{{- if $each.trust }}{{ $_ := set $entry "trust" (printf "/database/%d/ca.crt" $i) }}{{ end -}}
{{- $list = append $list $entry -}}
{{- end -}}
{{- toJson $list -}}
{{- end -}}

{{/* The addresses of an entry's servers: {"address": HOST, "port": N}, as JSON. Takes an entry. */}}
{{- define "okapi-sidecar.database.servers" -}}
{{- $servers := list -}}
{{- range kindIs "slice" .server | ternary .server (list .server) -}}
{{- $port := regexFind "^[^:]+:[0-9]+$|\\]:[0-9]+$" . | regexFind "[0-9]+$" | default "5432" | int -}}
{{- $host := regexReplaceAll "(^[^:]+|\\]):[0-9]+$" . "${1}" | trimPrefix "[" | trimSuffix "]" -}}
{{- $servers = append $servers (dict "address" $host "port" $port) -}}
{{- end -}}
{{- toJson $servers -}}
{{- end -}}

{{/*
NetworkPolicyEgressRules to the servers, as JSON: to the peers in `to`, without them to the servers' own
addresses, and to every host with that port where a server has a name. Takes values.
*/}}
{{- define "okapi-sidecar.database.egress" -}}
{{- $rules := list -}}
{{- range .postgres -}}
{{- $to := .to | default list -}}
{{- $named := false -}}
{{- $blocks := list -}}
{{- $ports := list -}}
{{- range include "okapi-sidecar.database.servers" . | fromJsonArray -}}
{{- $ports = append $ports (dict "port" (int .port) "protocol" "TCP") -}}
{{- if regexMatch "^[0-9.]+$|:" .address -}}
{{- $blocks = append $blocks (dict "ipBlock" (dict "cidr" (printf "%s/%s" .address (contains ":" .address | ternary "128" "32")))) -}}
{{- else }}{{ $named = true }}{{ end -}}
{{- end -}}
{{- $rule := dict "ports" (uniq $ports) -}}
{{- if $to }}{{ $_ := set $rule "to" $to }}{{ else if not $named }}{{ $_ := set $rule "to" $blocks }}{{ end -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- uniq $rules | toJson -}}
{{- end -}}

{{/* Where the module finds its database; `env` goes before what `envFrom` has of it. Takes values. */}}
{{- define "okapi-sidecar.database.env" -}}
{{- with .postgres -}}
{{- $listen := (first .).listen -}}
- { name: DB_HOST, value: {{ regexReplaceAll ":[0-9]+$" $listen "" | trimPrefix "[" | trimSuffix "]" | quote }} }
- { name: DB_PORT, value: {{ regexFind "[0-9]+$" $listen | quote }} }
{{- end -}}
{{- end -}}

{{/* What cannot be. Takes a scope, and writes nothing. */}}
{{- define "okapi-sidecar.checks.database" -}}
{{- $v := .values -}}
{{- if and $v.postgres (hasKey ($v.config | default dict) "postgres") -}}
{{- fail "okapi-sidecar: postgres and config.postgres are both set; leave config.postgres out" -}}
{{- end -}}
{{- range $i, $each := $v.postgres -}}
{{- if not (regexMatch "^(127([.][0-9]{1,3}){3}|localhost|[[]::1[]]):[0-9]{1,5}$" (toString $each.listen)) -}}
{{- fail (printf "okapi-sidecar: postgres[%d].listen: %v is no loopback address with a port; write for example 127.0.0.1:5432 (a Unix socket: in config.postgres, with a volume of yours)" $i $each.listen) -}}
{{- end -}}
{{- if not $each.server -}}
{{- fail (printf "okapi-sidecar: postgres[%d].server is missing, for example db.example.org:5432" $i) -}}
{{- end -}}
{{- if and (hasKey $each "trust") (not (dig "secret" "" ($each.trust | default dict))) -}}
{{- fail (printf "okapi-sidecar: postgres[%d].trust.secret is missing: the Secret with the authorities of the server in its key ca.crt; without trust the sidecar's own ca.crt judges it" $i) -}}
{{- end -}}
{{- range $j, $peer := $each.to -}}
{{- if not $peer -}}
{{- fail (printf "okapi-sidecar: postgres[%d].to[%d] names no peer; write a podSelector, a namespaceSelector or an ipBlock" $i $j) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $v.postgres -}}
{{- $own := dict -}}
{{- range include "okapi-sidecar.database.env" $v | fromYamlArray }}{{ $_ := set $own .name .value }}{{ end -}}
{{- range $v.workload.env -}}
{{- $is := get $own (toString .name) -}}
{{- if and $is (ne $is (toString .value)) -}}
{{- fail (printf "okapi-sidecar: workload.env: %s is %s, set by the chart, and anything else leads past the sidecar; leave it out" .name $is) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
