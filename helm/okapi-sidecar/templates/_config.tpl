{{/* sidecar.yaml: what the role says, under what `config` says. Takes a scope. */}}
{{- define "okapi-sidecar.config" -}}
{{- $v := .values -}}
{{- $config := dict
  "module" $v.module
  "trustDomain" $v.trustDomain
  "policy" (dict "descriptors" "/etc/sidecar/policy/installed.json")
  "admin" (dict "listen" (printf "0.0.0.0:%d" (int $v.ports.admin)))
-}}
{{- if $v.policy.consortia -}}
{{- $_ := set $config.policy "consortia" "/etc/sidecar/policy/consortia.yaml" -}}
{{- end -}}
{{- /* Each Okapi knows only which modules it has called itself. */ -}}
{{- if and (eq .role "okapi") (include "okapi-sidecar.several" $v.workload) -}}
{{- $_ := set $config.policy "withoutToken" "any" -}}
{{- end -}}
{{- if eq $v.credentials.from "spiffe" -}}
{{- $_ := set $config "credentials" (dict "spiffe" (dict "socket" (printf "unix:///run/spiffe/%s" $v.credentials.spiffe.socket))) -}}
{{- else -}}
{{- $_ := set $config "credentials" (dict "directory" "/certs") -}}
{{- end -}}
{{- if ne .role "edge" -}}
{{- $_ := set $config "ingress" (dict
  "listen" (printf "0.0.0.0:%d" (int $v.ports.mtls))
  "forward" (printf "http://127.0.0.1:%d" (int .port))) -}}
{{- end -}}
{{- if eq .role "okapi" -}}
{{- $_ := set $config "egress" (dict "modules" (dict "listen" "127.0.0.1:20000-20199" "address" (printf "https://{product}:%d" (int $v.ports.mtls)))) -}}
{{- if $v.public.enabled -}}
{{- $_ := set $config "public" (dict "listen" (printf "0.0.0.0:%d" (int $v.public.port)) "credentials" (dict "directory" "/certs-public")) -}}
{{- end -}}
{{- else -}}
{{- $_ := set $config "egress" (dict "listen" "127.0.0.1:9130" "url" (printf "http://localhost:%d" (int .egress)) "gateway" (printf "https://okapi:%d" (int $v.ports.mtls)) "gatewayModule" "okapi") -}}
{{- end -}}
{{- if $v.migration.enabled -}}
{{- if eq .role "edge" }}{{ fail "okapi-sidecar: migration leads to a module that Okapi calls, or to Okapi; an edge module is neither" }}{{ end -}}
{{- if not (regexMatch "^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}" $v.migration.until) }}{{ fail (printf "okapi-sidecar: migration.until: %s is no date; write year, month and day, for example 2027-03-31" $v.migration.until) }}{{ end -}}
{{- range $i, $from := $v.migration.from }}{{ include "okapi-sidecar.checks.address" (dict "of" (printf "migration.from[%d]" $i) "is" $from) }}{{ end -}}
{{- if not $v.migration.from }}{{ fail "okapi-sidecar: migration.from is missing: the addresses of those that have no sidecar yet" }}{{ end -}}
{{- $_ := set $config "migration" (dict
  "listen" (printf "0.0.0.0:%d" (int $v.migration.port))
  "from" $v.migration.from
  "until" (required "okapi-sidecar: migration.until is missing, for example until: 2027-03-31" $v.migration.until)
  "why" (required "okapi-sidecar: migration.why is missing: what is being moved over" $v.migration.why)) -}}
{{- end -}}
{{- if $v.audit.volume -}}
{{- /* The variable of the container names another file for each pod. */ -}}
{{- $_ := set $config "audit" (dict "to" "/var/log/okapi-sidecar/audit.log" "whenUnwritable" $v.audit.whenUnwritable) -}}
{{- end -}}
{{- if $v.postgres }}{{ $_ := set $config "postgres" (include "okapi-sidecar.database.config" $v | fromJsonArray) }}{{ end -}}
{{- if $v.kafka }}{{ $_ := set $config "kafka" (include "okapi-sidecar.kafka.config" $v | fromJson) }}{{ end -}}
{{- if eq $v.mode "container" -}}
{{- /* SIGTERM comes while Services still send, and the module still runs: first not ready, then closed. */ -}}
{{- $_ := set $config "drain" (dict "delayMs" (include "okapi-sidecar.delayMs" . | int)) -}}
{{- end -}}
{{- toYaml (mergeOverwrite $config (deepCopy $v.config)) -}}
{{- end -}}
