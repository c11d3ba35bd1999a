{{/*
What cannot be, each with what to write instead; the schema says what is of the wrong type. Called for
every scope, so that values that come past the schema (an alias, a chart of one's own) are held against
it too. Takes a scope, and writes nothing.
*/}}
{{- define "okapi-sidecar.checks" -}}
{{- $v := .values -}}
{{- include "okapi-sidecar.checks.names" . -}}
{{- include "okapi-sidecar.checks.ports" . -}}
{{- include "okapi-sidecar.checks.config" . -}}
{{- include "okapi-sidecar.checks.credentials" . -}}
{{- include "okapi-sidecar.checks.workload" . -}}
{{- include "okapi-sidecar.checks.database" . -}}
{{- include "okapi-sidecar.checks.kafka" . -}}
{{- range $i, $each := $v.nftables.outward -}}
{{- include "okapi-sidecar.checks.address" (dict "of" (printf "nftables.outward[%d].address" $i) "is" $each.address) -}}
{{- end -}}
{{- range $i, $each := $v.nftables.dns -}}
{{- include "okapi-sidecar.checks.address" (dict "of" (printf "nftables.dns[%d]" $i) "is" $each) -}}
{{- end -}}
{{- include "okapi-sidecar.checks.rules" $v -}}
{{- if and $v.policy.consortia $v.policy.configMap -}}
{{- fail "okapi-sidecar: policy.consortia and policy.configMap are both set; put the file into that ConfigMap under the key consortia.yaml, and write config.policy.consortia: /etc/sidecar/policy/consortia.yaml" -}}
{{- end -}}
{{- if and $v.policy.packed $v.policy.configMap -}}
{{- fail "okapi-sidecar: policy.packed and policy.configMap are both set; leave one of them empty" -}}
{{- end -}}
{{- if and $v.hazelcast.enabled (ne .role "okapi") -}}
{{- fail (printf "okapi-sidecar: hazelcast is Okapi's, and this is %s" $v.module) -}}
{{- end -}}
{{- if and $v.public.enabled (ne .role "okapi") -}}
{{- fail (printf "okapi-sidecar: public is Okapi's listener for browsers, and this is %s; remove public.enabled" $v.module) -}}
{{- end -}}
{{- end -}}

{{/* `ports:` with nothing below it takes the chart's own ports away. Takes values, before all else. */}}
{{- define "okapi-sidecar.checks.sections" -}}
{{- $sections := list "image" "config" "credentials" "policy" "public" "migration" "hazelcast" "ports" "resources" "workload" "patch" "service" "serviceAccount" "networkPolicy" "nftables" "probe" "podDisruptionBudget" "podMonitor" "prometheusRule" "dashboard" -}}
{{- range $name := $sections -}}
{{- if not (kindIs "map" (get $ $name)) -}}
{{- fail (printf "okapi-sidecar: %s: nothing stands below it; leave the line out, or write %s: {}" $name $name) -}}
{{- end -}}
{{- end -}}
{{- range $pair := list (list "credentials" "certManager") (list "credentials" "secret") (list "credentials" "spiffe") (list "credentials" "trust") (list "workload" "probes") -}}
{{- if not (kindIs "map" (get (get $ (first $pair)) (last $pair))) -}}
{{- fail (printf "okapi-sidecar: %s: nothing stands below it; leave the line out" (join "." $pair)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Rules that say nothing say everything. Takes values. */}}
{{- define "okapi-sidecar.checks.rules" -}}
{{- $lists := dict "from" .networkPolicy.from "adminFrom" .networkPolicy.adminFrom "dnsTo" .networkPolicy.dnsTo -}}
{{- range $i, $rule := .networkPolicy.inward -}}
{{- if not $rule.ports -}}
{{- fail (printf "okapi-sidecar: networkPolicy.inward[%d] has no ports, which opens them all, the module's own too; write for example { ports: [{ port: 8081 }] }" $i) -}}
{{- end -}}
{{- $_ := set $lists (printf "inward[%d].from" $i) $rule.from -}}
{{- end -}}
{{- range $i, $rule := .networkPolicy.outward -}}
{{- if not (or $rule.ports $rule.to) -}}
{{- fail (printf "okapi-sidecar: networkPolicy.outward[%d] says neither ports nor to, which lets everything out; write for example { ports: [{ port: 5432 }], to: [{ podSelector: { matchLabels: { app: postgres } } }] }" $i) -}}
{{- end -}}
{{- $_ := set $lists (printf "outward[%d].to" $i) $rule.to -}}
{{- end -}}
{{- range $key, $peers := $lists -}}
{{- range $i, $peer := $peers -}}
{{- $of := printf "networkPolicy.%s[%d]" $key $i -}}
{{- if not $peer -}}
{{- fail (printf "okapi-sidecar: %s names no peer; write a podSelector, a namespaceSelector or an ipBlock" $of) -}}
{{- end -}}
{{- with dig "ipBlock" "cidr" "" $peer -}}
{{- include "okapi-sidecar.checks.address" (dict "of" (printf "%s.ipBlock.cidr" $of) "is" .) -}}
{{- if not (contains "/" .) -}}
{{- fail (printf "okapi-sidecar: %s.ipBlock.cidr: %s needs its length; write %s/%s" $of . . (contains ":" . | ternary "128" "32")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "okapi-sidecar.checks.names" -}}
{{- $v := .values -}}
{{- if not $v.trustDomain }}{{ fail "okapi-sidecar: trustDomain is missing, for example trustDomain: folio.example.org" }}{{ end -}}
{{- if not (regexMatch "^[a-z0-9._-]+$" $v.trustDomain) -}}
{{- fail (printf "okapi-sidecar: trustDomain: %s is none; write a lower-case name without spiffe:// and without a path, for example folio.example.org" $v.trustDomain) -}}
{{- end -}}
{{- with $v.image -}}
{{- /* A registry may have a port: only what comes after the last slash has the tag. */ -}}
{{- if regexMatch "[:@][^/]*$" .repository -}}
{{- fail (printf "okapi-sidecar: image.repository: %s has a tag; write the tag as image.tag, or image.digest" .repository) -}}
{{- end -}}
{{- if not (regexMatch "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$" .tag) -}}
{{- fail (printf "okapi-sidecar: image.tag: %s is none; write letters, digits, _, . and -, for example 0.1.0" .tag) -}}
{{- end -}}
{{- end -}}
{{- range $key, $name := dict "service.name" .service "serviceAccount.name" .account -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" $name) -}}
{{- fail (printf "okapi-sidecar: %s: Kubernetes takes no %s; write lower-case letters, digits and -, 63 at most" $key $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "okapi-sidecar.checks.ports" -}}
{{- $v := .values -}}
{{- $role := .role -}}
{{- $status := dig "status" "listen" "127.0.0.1:9902" $v.config | regexFind "[0-9]+$" | int -}}
{{- $used := list (list "workload.port" .port) (list "ports.admin" $v.ports.admin) (list "the sidecar's status page (config.status.listen)" $status) -}}
{{- if ne $role "edge" }}{{ $used = append $used (list "ports.mtls" $v.ports.mtls) }}{{ end -}}
{{- if ne $role "okapi" }}{{ $used = append $used (list "the module's way to Okapi (config.egress.listen)" .egress) }}{{ end -}}
{{- if $v.public.enabled }}{{ $used = append $used (list "public.port" $v.public.port) }}{{ end -}}
{{- if $v.migration.enabled }}{{ $used = append $used (list "migration.port" $v.migration.port) }}{{ end -}}
{{- if $v.hazelcast.enabled }}{{ $used = append $used (list "hazelcast.port" $v.hazelcast.port) }}{{ end -}}
{{- range $i, $each := $v.postgres }}{{ $used = append $used (list (printf "postgres[%d].listen" $i) (regexFind "[0-9]+$" (toString $each.listen))) }}{{ end -}}
{{- with $v.kafka }}{{ $used = append $used (list "kafka.listen" (.listen | default "127.0.0.1:9092" | toString | regexFind "[0-9]+$")) }}{{ end -}}
{{- $own := list (list "ports.admin" $v.ports.admin) (list "ports.mtls" $v.ports.mtls) (list "public.port" $v.public.port) (list "migration.port" $v.migration.port) -}}
{{- range $each := $own -}}
{{- if lt (index $each 1 | int) 1024 -}}
{{- fail (printf "okapi-sidecar: %s: %d; not every cluster lets an unprivileged user listen below 1024, write another%s" (index $each 0) (index $each 1 | int) (eq (index $each 0) "public.port" | ternary ", and public.servicePort for the port of the Service" "")) -}}
{{- end -}}
{{- end -}}
{{- $taken := dict -}}
{{- range $each := $used -}}
{{- $name := index $each 0 -}}
{{- $port := index $each 1 | int -}}
{{- with get $taken (toString $port) -}}
{{- fail (printf "okapi-sidecar: port %d is %s and %s; a pod has it once, so write another for one of them" $port . $name) -}}
{{- end -}}
{{- if and (eq $role "okapi") (ge $port 20000) (le $port 20199) -}}
{{- fail (printf "okapi-sidecar: port %d is %s; Okapi's ways out to its modules have 20000 to 20199, so write another" $port $name) -}}
{{- end -}}
{{- $_ := set $taken (toString $port) $name -}}
{{- end -}}
{{- end -}}

{{/* What the rest of the chart is made of must not be said otherwise in `config`. */}}
{{- define "okapi-sidecar.checks.config" -}}
{{- $v := .values -}}
{{- $config := $v.config | default dict -}}
{{- range $key := list "module" "trustDomain" -}}
{{- $own := get $config $key -}}
{{- if and $own (ne (toString $own) (toString (get $v $key))) -}}
{{- fail (printf "okapi-sidecar: config.%s is %v and %s is %v; leave the first out" $key $own $key (get $v $key)) -}}
{{- end -}}
{{- end -}}
{{- $host := "([[][0-9A-Fa-f:.]+[]]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?$" -}}
{{- with dig "egress" "gateway" "" $config -}}
{{- if not (regexMatch (print "^https://" $host) .) -}}
{{- fail (printf "okapi-sidecar: config.egress.gateway: %s leads nowhere; write https:// with host and port of Okapi's sidecar, for example https://okapi:8443" .) -}}
{{- end -}}
{{- end -}}
{{- with dig "ingress" "forward" "" $config -}}
{{- if not (or (hasPrefix "unix:/" .) (regexMatch (print "^http://" $host) .)) -}}
{{- fail (printf "okapi-sidecar: config.ingress.forward: %s leads nowhere; write http:// with the port of the module, for example http://127.0.0.1:8081" .) -}}
{{- end -}}
{{- end -}}
{{- with dig "egress" "modules" "address" "" $config -}}
{{- if not (hasPrefix "https://" .) -}}
{{- fail (printf "okapi-sidecar: config.egress.modules.address: %s leads to no sidecar; it begins with https://, for example https://{product}:8443" .) -}}
{{- end -}}
{{- end -}}
{{- $ports := dict "ingress" (list "ports.mtls" $v.ports.mtls) "admin" (list "ports.admin" $v.ports.admin) "public" (list "public.port" $v.public.port) "migration" (list "migration.port" $v.migration.port) -}}
{{- range $section, $port := $ports -}}
{{- if regexMatch "^(127[.]|localhost|.?::1.?:[0-9])" (dig $section "listen" "" $config) -}}
{{- fail (printf "okapi-sidecar: config.%s.listen: loopback is not reachable from outside the pod; leave it out" $section) -}}
{{- end -}}
{{- with dig $section "listen" "" $config | regexFind "[0-9]+$" -}}
{{- if ne (int .) (index $port 1 | int) -}}
{{- fail (printf "okapi-sidecar: config.%s.listen has port %s, and Service, probes and network rules go by %s: write that one instead" $section . (index $port 0)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "okapi-sidecar.checks.credentials" -}}
{{- $v := .values -}}
{{- $from := $v.credentials.from -}}
{{- if and (eq $from "secret") (not $v.credentials.secret.name) -}}
{{- fail "okapi-sidecar: credentials.secret.name is missing, for example mod-users-19.7.0-tls" -}}
{{- end -}}
{{- if and (ne $from "secret") $v.credentials.secret.name -}}
{{- fail (printf "okapi-sidecar: credentials.secret.name is set, and credentials.from is %s; write from: secret, or leave the name out" $from) -}}
{{- end -}}
{{- if and (eq $from "spiffe") $v.credentials.trust.configMap -}}
{{- fail "okapi-sidecar: credentials.trust.configMap is set, and the Workload API brings roots of its own; leave it out" -}}
{{- end -}}
{{- if eq $from "certManager" -}}
{{- with $v.credentials.certManager -}}
{{- range $key, $is := dict "duration" .duration "renewBefore" .renewBefore -}}
{{- if not (regexMatch "^([0-9]+(h|m|s))+$" $is) -}}
{{- fail (printf "okapi-sidecar: credentials.certManager.%s: %s is no duration; write hours, minutes or seconds, for example 24h" $key $is) -}}
{{- end -}}
{{- end -}}
{{- $zero := toDate "2006-01-02" "2000-01-01" -}}
{{- $lives := sub (dateModify .duration $zero | unixEpoch | int64) (unixEpoch $zero | int64) -}}
{{- $before := sub (dateModify .renewBefore $zero | unixEpoch | int64) (unixEpoch $zero | int64) -}}
{{- if lt $lives 3600 -}}
{{- fail (printf "okapi-sidecar: credentials.certManager.duration: cert-manager issues nothing for %s; write 1h or more" .duration) -}}
{{- end -}}
{{- if or (ge $before $lives) (lt $before 300) -}}
{{- fail (printf "okapi-sidecar: credentials.certManager.renewBefore: %s must be 5m or more and less than the duration, %s; a third of it is usual" .renewBefore .duration) -}}
{{- end -}}
{{- range .dnsNames -}}
{{- if not (regexMatch "^([*][.])?[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*$" .) -}}
{{- fail (printf "okapi-sidecar: credentials.certManager.dnsNames: %s is no DNS name; write for example mod-users.example.org" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "okapi-sidecar.checks.workload" -}}
{{- $url := printf "http://localhost:%d" (int .egress) -}}
{{- $okapi := eq .role "okapi" -}}
{{- $secret := .secret -}}
{{- $least := include "okapi-sidecar.stopSeconds" (dict "scope" . "module" 5) | int -}}
{{- $grace := int .values.workload.terminationGracePeriodSeconds -}}
{{- if and $grace (lt $grace $least) -}}
{{- fail (printf "okapi-sidecar: workload.terminationGracePeriodSeconds: %d is too short, what runs then would be cut: workload.preStopSeconds, 5 seconds for the module and config.limits.drainTimeoutMs are %d; write that or more, or 0, which is computed" $grace $least) -}}
{{- end -}}
{{- if and .values.workload.image .values.patch.deployment -}}
{{- fail (printf "okapi-sidecar: workload.image and patch.deployment are both set, and the module would run twice; leave workload.image empty where the Deployment %s of another chart has it" .values.patch.deployment) -}}
{{- end -}}
{{- if and $okapi (include "okapi-sidecar.several" .values.workload) (eq (dig "policy" "tokens" "" (.values.config | default dict)) "enforce") -}}
{{- fail (printf "okapi-sidecar: config.policy.tokens is enforce and workload.replicas is %v; each Okapi knows the tokens that went through itself, so write report here, and enforce at the modules" (kindIs "invalid" .values.workload.replicas | ternary "null (any number)" (toString .values.workload.replicas))) -}}
{{- end -}}
{{- with .values.workload -}}
{{- if eq (int .runAsUser) 65532 }}{{ fail "okapi-sidecar: workload.runAsUser must not be 65532, which is the sidecar's; write another, for example 1000" }}{{ end -}}
{{- range .env -}}
{{- if and (eq (toString .name) "OKAPI_URL") (not $okapi) (ne (toString .value) $url) -}}
{{- fail (printf "okapi-sidecar: workload.env: OKAPI_URL is %s, set by the chart, and anything else leads past the sidecar; leave it out" $url) -}}
{{- end -}}
{{- end -}}
{{- range .volumes -}}
{{- if hasPrefix "sidecar-" (toString .name) -}}
{{- fail (printf "okapi-sidecar: workload.volumes: %s; names that begin with sidecar- are the sidecar's, write another" .name) -}}
{{- end -}}
{{- if and $secret (eq (dig "secret" "secretName" "" .) $secret) -}}
{{- fail (printf "okapi-sidecar: workload.volumes: secret %s is the sidecar's key, with which the module could speak for itself; leave it out" $secret) -}}
{{- end -}}
{{- end -}}
{{- range .volumeMounts -}}
{{- if hasPrefix "sidecar-" (toString .name) -}}
{{- fail (printf "okapi-sidecar: workload.volumeMounts: %s is for the sidecar alone; leave it out" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* IPv4 or IPv6, an address or a network; it stands in rules, so nothing else may. Takes (dict "of" KEY "is" TEXT). */}}
{{- define "okapi-sidecar.checks.address" -}}
{{- $byte := "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])" -}}
{{- $v4 := printf "^(%s[.]){3}%s(/(3[0-2]|[12]?[0-9]))?$" $byte $byte -}}
{{- $v6 := "^(([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(([0-9A-Fa-f]{1,4}:){0,6}[0-9A-Fa-f]{1,4})?::(([0-9A-Fa-f]{1,4}:){0,6}[0-9A-Fa-f]{1,4})?)(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$" -}}
{{- if not (or (regexMatch $v4 .is) (regexMatch $v6 .is)) -}}
{{- fail (printf "okapi-sidecar: %s: %s is no address; write one or a network, for example 10.1.2.0/24 or fd00:1:2::/64 (names are not looked up)" .of .is) -}}
{{- end -}}
{{- end -}}
