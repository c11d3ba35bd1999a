{{/*
The pod's own rules, for IPv4 and IPv6 alike (`table inet`). From outside only the sidecar's ports and
what is listed; to the outside the sidecar's user and what is listed. Takes a scope.
*/}}
{{- define "okapi-sidecar.nft" -}}
{{- $machine := "^(169[.]254[.]|(168[.]63[.]129[.]16|100[.]100[.]100[.]200)(/32)?$|fe80:|fd00:ec2:|fd20:ce:|fd00:(c1::a9fe:a9fe|42::42|100::100:200)(/128)?$)" -}}
{{- $v := .values -}}
{{- $in := list $v.ports.admin -}}
{{- if ne .role "edge" }}{{ $in = append $in $v.ports.mtls }}{{ end -}}
{{- if $v.public.enabled }}{{ $in = append $in $v.public.port }}{{ end -}}
{{- if $v.hazelcast.enabled }}{{ $in = append $in $v.hazelcast.port }}{{ end -}}
{{- if $v.migration.enabled }}{{ $in = append $in $v.migration.port }}{{ end -}}
{{- range $v.nftables.inwardPorts }}{{ $in = append $in . }}{{ end -}}
# Written anew in one transaction, also where it was there before.
table inet okapi_sidecar
delete table inet okapi_sidecar
table inet okapi_sidecar {
  chain input {
    type filter hook input priority 0; policy drop;
    iif "lo" accept
    ct state established,related accept
    # Without neighbour discovery and path MTU there is no IPv6. No router advertisements: a pod has its
    # routes from its network plugin, and a neighbour that sends some would have them lead to itself.
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, packet-too-big, destination-unreachable } accept
    # A switch that looks after multicast (RFC 4541) asks who listens, and leads solicitations nowhere else.
    icmpv6 type mld-listener-query ip6 hoplimit 1 accept
    icmp type { destination-unreachable } accept
    tcp dport { {{ $in | uniq | join ", " }} } accept
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
  }
  chain output {
    type filter hook output priority 0; policy drop;
    oif "lo" accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } ip6 hoplimit 1 accept
    {{- if $v.nftables.dns }}
    {{- range $v.nftables.dns }}
    {{ contains ":" . | ternary "ip6" "ip" }} daddr {{ . }} meta l4proto { tcp, udp } th dport 53 accept
    {{- end }}
    {{- else }}
    meta l4proto { tcp, udp } th dport 53 accept
    {{- end }}
    {{- if $v.hazelcast.enabled }}
    tcp dport {{ $v.hazelcast.port }} accept
    {{- end }}
    {{- range $v.nftables.outward }}
    {{- if regexMatch $machine .address }}
    {{ contains ":" .address | ternary "ip6" "ip" }} daddr {{ .address }} tcp dport { {{ .ports | join ", " }} } accept
    {{- end }}
    {{- end }}
    # The machine's own services (metadata with credentials of the cloud) are only for the modules they
    # are listed for by name, above: a network that holds them, such as 0.0.0.0/0, does not open them.
    # AWS, Google; Azure and Alibaba for IPv4; Oracle, Scaleway and Alibaba for IPv6.
    ip daddr { 169.254.0.0/16, 168.63.129.16, 100.100.100.200 } meta l4proto tcp reject with tcp reset
    ip6 daddr { fe80::/10, fd00:ec2::/32, fd20:ce::254, fd00:c1::a9fe:a9fe, fd00:42::42, fd00:100::100:200 } meta l4proto tcp reject with tcp reset
    # The sidecar alone: other sidecars, the database servers of `postgres`, the brokers of `kafka`.
    meta skuid 65532 accept
    {{- range $v.nftables.outward }}
    {{- if not (regexMatch $machine .address) }}
    {{ contains ":" .address | ternary "ip6" "ip" }} daddr {{ .address }} tcp dport { {{ .ports | join ", " }} } accept
    {{- end }}
    {{- end }}
    # A module learns at once, rather than after a minute, that it may not.
    meta l4proto tcp reject with tcp reset
  }
}
{{- end -}}
