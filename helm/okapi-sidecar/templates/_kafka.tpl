{{/* `kafka` of sidecar.yaml, as JSON. Takes values. */}}
{{- define "okapi-sidecar.kafka.config" -}}
{{- $section := omit .kafka "to" "trust" -}}
{{- if .kafka.trust }}{{ $_ := set $section "trust" "/kafka/ca.crt" }}{{ end -}}
{{- toJson $section -}}
{{- end -}}

{{/*
NetworkPolicyEgressRules to the brokers, as JSON: to the peers in `to`; without them to every host, as brokers
that are not named here are known from the others. Takes values.
*/}}
{{- define "okapi-sidecar.kafka.egress" -}}
{{- $rules := list -}}
{{- with .kafka -}}
{{- $ports := list -}}
{{- range kindIs "slice" .bootstrap | ternary .bootstrap (list .bootstrap) -}}
{{- $ports = append $ports (dict "port" (regexFind "[0-9]+$" . | int) "protocol" "TCP") -}}
{{- end -}}
{{- $rule := dict "ports" (uniq $ports) -}}
{{- with .to }}{{ $_ := set $rule "to" . }}{{ end -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- toJson $rules -}}
{{- end -}}

{{/*
Where the module finds Kafka, and that the way there is plain; `env` goes before what `envFrom` has of it. Takes
values.
*/}}
{{- define "okapi-sidecar.kafka.env" -}}
{{- with .kafka -}}
{{- $listen := .listen | default "127.0.0.1:9092" -}}
- { name: KAFKA_HOST, value: {{ regexReplaceAll ":[0-9]+$" $listen "" | trimPrefix "[" | trimSuffix "]" | quote }} }
- { name: KAFKA_PORT, value: {{ regexFind "[0-9]+$" $listen | quote }} }
- { name: KAFKA_SECURITY_PROTOCOL, value: PLAINTEXT }
{{- end -}}
{{- end -}}

{{/* What cannot be. Takes a scope, and writes nothing. */}}
{{- define "okapi-sidecar.checks.kafka" -}}
{{- $v := .values -}}
{{- with $v.kafka -}}
{{- if hasKey ($v.config | default dict) "kafka" -}}
{{- fail "okapi-sidecar: kafka and config.kafka are both set; leave config.kafka out" -}}
{{- end -}}
{{- if not (regexMatch "^(127([.][0-9]{1,3}){3}|localhost|[[]::1[]]):[0-9]{1,5}$" (.listen | default "127.0.0.1:9092" | toString)) -}}
{{- fail (printf "okapi-sidecar: kafka.listen: %v is no loopback address with a port; write for example 127.0.0.1:9092" .listen) -}}
{{- end -}}
{{- if not .bootstrap -}}
{{- fail "okapi-sidecar: kafka.bootstrap is missing, for example kafka-0.kafka:9093" -}}
{{- end -}}
{{- range kindIs "slice" .bootstrap | ternary .bootstrap (list .bootstrap) -}}
{{- if not (regexMatch ":[0-9]+$" .) -}}
{{- fail (printf "okapi-sidecar: kafka.bootstrap: %s has no port; write for example kafka-0.kafka:9093" .) -}}
{{- end -}}
{{- end -}}
{{- if and (hasKey . "trust") (not (dig "secret" "" (.trust | default dict))) -}}
{{- fail "okapi-sidecar: kafka.trust.secret is missing: the Secret with the authorities of the brokers in its key ca.crt; without trust the sidecar's own ca.crt judges them" -}}
{{- end -}}
{{- range $i, $peer := .to -}}
{{- if not $peer -}}
{{- fail (printf "okapi-sidecar: kafka.to[%d] names no peer; write a podSelector, a namespaceSelector or an ipBlock" $i) -}}
{{- end -}}
{{- end -}}
{{- $own := dict -}}
{{- range include "okapi-sidecar.kafka.env" $v | fromYamlArray }}{{ $_ := set $own .name .value }}{{ end -}}
{{- range $v.workload.env -}}
{{- $is := get $own (toString .name) -}}
{{- if and $is (ne $is (toString .value)) -}}
{{- fail (printf "okapi-sidecar: workload.env: %s is %s, set by the chart, and anything else leads past the sidecar; leave it out" .name $is) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
