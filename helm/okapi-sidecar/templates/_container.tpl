{{/* The sidecar. Takes a scope. */}}
{{- define "okapi-sidecar.container" -}}
{{- $v := .values -}}
- name: okapi-sidecar
  image: {{ include "okapi-sidecar.image" . }}
  imagePullPolicy: {{ $v.image.pullPolicy }}
  {{- if eq $v.mode "native" }}
  restartPolicy: Always
  {{- end }}
  args: [run, -c, /etc/sidecar/config/sidecar.yaml]
  # Why it ended stands in `kubectl describe pod`, and not only in its log.
  terminationMessagePolicy: FallbackToLogsOnError
  {{- if $v.audit.volume }}
  env:
    - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
    # Two pods that write one file would break its chain.
    - { name: SIDECAR_AUDIT_TO, value: /var/log/okapi-sidecar/$(POD_NAME).log }
  {{- end }}
  ports:
    {{- if ne .role "edge" }}
    # Not `http` or `https`: those Okapi's own Kubernetes discovery would take for the module.
    - { name: mtls, containerPort: {{ $v.ports.mtls }}, protocol: TCP }
    {{- end }}
    - { name: sidecar-admin, containerPort: {{ $v.ports.admin }}, protocol: TCP }
    {{- if $v.public.enabled }}
    - { name: public-tls, containerPort: {{ $v.public.port }}, protocol: TCP }
    {{- end }}
    {{- if $v.migration.enabled }}
    - { name: plain, containerPort: {{ $v.migration.port }}, protocol: TCP }
    {{- end }}
  {{- if eq $v.mode "native" }}
  lifecycle:
    # It runs before the module gets SIGTERM. An ordinary container gets its own at the same time.
    preStop: { exec: { command: [node, --max-semi-space-size=1, /app/main.js, leave] } }
  {{- end }}
  startupProbe:
    httpGet: { path: /ready, port: sidecar-admin }
    # Asked at once, each start would leave an event "connection refused".
    initialDelaySeconds: 1
    periodSeconds: 1
    failureThreshold: 60
  # A second, the usual timeout, is short on a node without CPU: a restart would cut calls and cost more CPU.
  readinessProbe:
    httpGet: { path: /ready, port: sidecar-admin }
    periodSeconds: 5
    timeoutSeconds: 5
  livenessProbe:
    httpGet: { path: /live, port: sidecar-admin }
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 3
  resources:
    {{- include "okapi-sidecar.resources" . | nindent 4 }}
  securityContext:
    runAsUser: 65532
    runAsGroup: 65532
    runAsNonRoot: true
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities: { drop: [ALL] }
    seccompProfile: { type: RuntimeDefault }
  volumeMounts:
    - { name: sidecar-config, mountPath: /etc/sidecar/config, readOnly: true }
    - { name: sidecar-policy, mountPath: /etc/sidecar/policy, readOnly: true }
    {{- if eq $v.credentials.from "spiffe" }}
    - { name: sidecar-spiffe, mountPath: /run/spiffe, readOnly: true }
    {{- else }}
    - { name: sidecar-certs, mountPath: /certs, readOnly: true }
    {{- end }}
    {{- if $v.public.enabled }}
    - { name: sidecar-public, mountPath: /certs-public, readOnly: true }
    {{- end }}
    {{- range $i, $each := $v.postgres }}
    {{- if $each.trust }}
    - { name: sidecar-database-{{ $i }}, mountPath: /database/{{ $i }}, readOnly: true }
    {{- end }}
    {{- end }}
    {{- if $v.audit.volume }}
    - { name: sidecar-audit, mountPath: /var/log/okapi-sidecar }
    {{- end }}
    {{- if dig "trust" "" ($v.kafka | default dict) }}
    - { name: sidecar-kafka, mountPath: /kafka, readOnly: true }
    {{- end }}
{{- end -}}

{{/*
How kubelet asks after the module: through the sidecar. An edge module's sidecar does not lead to it, but
its own port is open; not all of them speak HTTP there. Empty where it is closed. Takes a scope.
*/}}
{{- define "okapi-sidecar.health" -}}
{{- if ne .role "edge" -}}
httpGet: { path: /app/health, port: {{ .values.ports.admin }} }
{{- else if or (not .values.nftables.enabled) (has (float64 .port) .values.nftables.inwardPorts) -}}
tcpSocket: { port: {{ .port }} }
{{- end -}}
{{- end -}}

{{/*
The module's probes, empty where there are none. Takes (dict "scope" SCOPE "replace" TRUE-IN-A-PATCH): two ways of asking
in one probe Kubernetes refuses.
*/}}
{{- define "okapi-sidecar.probes" -}}
{{- $probes := .scope.values.workload.probes -}}
{{- $health := include "okapi-sidecar.health" .scope -}}
{{- $each := (.replace | default false) | ternary "$patch: replace" "" -}}
{{- if and $probes.enabled $health -}}
startupProbe:
  {{- with $each }}{{ . | nindent 2 }}{{ end }}
  {{- $health | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: {{ max 1 (div (int $probes.startupSeconds) 5) }}
readinessProbe:
  {{- with $each }}{{ . | nindent 2 }}{{ end }}
  {{- $health | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  {{- with $each }}{{ . | nindent 2 }}{{ end }}
  {{- $health | nindent 2 }}
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 5
{{- end -}}
{{- end -}}

{{/* Runs once, before everything else in the pod. Takes a scope. */}}
{{- define "okapi-sidecar.rules" -}}
{{- $v := .values -}}
{{- if not $v.nftables.image }}{{ fail "okapi-sidecar: nftables.image is missing: any image with nft in its PATH" }}{{ end -}}
- name: sidecar-nftables
  image: {{ $v.nftables.image }}
  command: [nft, -f, /rules/sidecar.nft]
  terminationMessagePolicy: FallbackToLogsOnError
  {{- with $v.nftables.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsUser: 0
    runAsNonRoot: false
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities: { drop: [ALL], add: [NET_ADMIN] }
    seccompProfile: { type: RuntimeDefault }
  volumeMounts:
    - { name: sidecar-rules, mountPath: /rules, readOnly: true }
{{- end -}}

{{/*
Three lines for a pod of your own:

      initContainers:
        {{- include "okapi-sidecar.initContainers" . | nindent 8 }}
      containers:
        {{- include "okapi-sidecar.containers" . | nindent 8 }}
      volumes:
        {{- include "okapi-sidecar.volumes" . | nindent 8 }}
*/}}
{{- define "okapi-sidecar.initContainers" -}}
{{- $scope := include "okapi-sidecar.scope" . | fromJson -}}
{{- $list := list -}}
{{- if $scope.values.nftables.enabled }}{{ $list = append $list (include "okapi-sidecar.rules" $scope) }}{{ end -}}
{{- if eq $scope.values.mode "native" }}{{ $list = append $list (include "okapi-sidecar.container" $scope) }}{{ end -}}
{{- join "\n" $list -}}
{{- end -}}

{{- define "okapi-sidecar.containers" -}}
{{- $scope := include "okapi-sidecar.scope" . | fromJson -}}
{{- if eq $scope.values.mode "container" }}{{ include "okapi-sidecar.container" $scope }}{{ end -}}
{{- end -}}

{{- define "okapi-sidecar.volumes" -}}
{{- $scope := include "okapi-sidecar.scope" . | fromJson -}}
{{- $v := $scope.values -}}
- name: sidecar-config
  configMap: { name: {{ $scope.name }} }
- name: sidecar-policy
  configMap: { name: {{ $scope.policy }} }
{{- if eq $v.credentials.from "spiffe" }}
- name: sidecar-spiffe
  {{- toYaml $v.credentials.spiffe.volume | nindent 2 }}
{{- else }}
- name: sidecar-certs
  # Readable through the pod's fsGroup, which the sidecar alone has a use for.
  {{- with $v.credentials.trust }}
  {{- if .configMap }}
  projected:
    defaultMode: 0440
    sources:
      - secret: { name: {{ $scope.secret }}, items: [{ key: tls.crt, path: tls.crt }, { key: tls.key, path: tls.key }] }
      - secret: { name: {{ $scope.secret }}, optional: true, items: [{ key: ca.crl, path: ca.crl }] }
      - configMap: { name: {{ .configMap }}, items: [{ key: {{ .key }}, path: ca.crt }] }
  {{- else }}
  secret: { secretName: {{ $scope.secret }}, defaultMode: 0440 }
  {{- end }}
  {{- end }}
{{- end }}
{{- if $v.public.enabled }}
- name: sidecar-public
  secret: { secretName: {{ required "okapi-sidecar: public.secret is missing" $v.public.secret }}, defaultMode: 0440 }
{{- end }}
{{- range $i, $each := $v.postgres }}
{{- with $each.trust }}
- name: sidecar-database-{{ $i }}
  secret: { secretName: {{ .secret }}, items: [{ key: {{ .key | default "ca.crt" }}, path: ca.crt }], defaultMode: 0440 }
{{- end }}
{{- end }}
{{- with dig "trust" "" ($v.kafka | default dict) }}
- name: sidecar-kafka
  secret: { secretName: {{ .secret }}, items: [{ key: {{ .key | default "ca.crt" }}, path: ca.crt }], defaultMode: 0440 }
{{- end }}
{{- with $v.audit.volume }}
- name: sidecar-audit
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $v.nftables.enabled }}
- name: sidecar-rules
  configMap: { name: {{ $scope.name }} }
{{- end }}
{{- end -}}

{{/* What the pod as a whole must say, for `spec:` of a pod of your own. */}}
{{- define "okapi-sidecar.podSpec" -}}
automountServiceAccountToken: false
enableServiceLinks: false
shareProcessNamespace: false
hostNetwork: false
securityContext:
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{/* Restarts pods when what the sidecar reads only at its start has changed. */}}
{{- define "okapi-sidecar.annotations" -}}
{{- $scope := include "okapi-sidecar.scope" . | fromJson -}}
okapi-sidecar/config: {{ include "okapi-sidecar.config" $scope | sha256sum | trunc 16 }}
{{- if $scope.values.nftables.enabled }}
okapi-sidecar/rules: {{ include "okapi-sidecar.nft" $scope | sha256sum | trunc 16 }}
{{- end }}
{{- end -}}

{{- define "okapi-sidecar.podLabels" -}}
{{- include "okapi-sidecar.selector" (include "okapi-sidecar.scope" . | fromJson) -}}
{{- end -}}
