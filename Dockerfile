# okapi-sidecar: Node, a few files, no shell, no package manager.
#
#     docker build -t okapi-sidecar .
#     docker run --rm okapi-sidecar help
#
# BASE needs Node 24 and nothing else; name it by digest in a build that is to be trusted. Documented
# alternatives: docker.io/library/node:24-slim, or any root with `node` in its PATH. Not Node 24.21.0:
# it hides a client's intermediate certificates from a server, so that their holders are refused.
ARG BUILDER=docker.io/library/node:24-slim
ARG BASE=gcr.io/distroless/nodejs24-debian13:nonroot

# --- the bundle: everything that npm knows stays in this stage ------------------------------------
FROM ${BUILDER} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No install scripts: this stage's own Node is used, and esbuild is there without.
RUN npm ci --ignore-scripts
COPY . .
RUN node scripts/bundle.ts --out /app \
 && node scripts/sbom.ts > /app/sbom.cdx.json \
 && mkdir /app/cache

# --- V8's compiled code, made by the Node and the user that will read it --------------------------
# It saves a sixth of the start, and differs from build to build. With `--build-arg COMPILED=no` and a
# fixed `--timestamp` the same sources give the same layers, bit by bit.
FROM ${BASE} AS warm
ARG COMPILED=yes
ENV PATH=/nodejs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY --from=build --chown=65532:65532 /app /app
COPY --from=build /build/scripts/warm.js /warm/warm.js
USER 65532:65532
RUN ["node", "--expose-gc", "--max-semi-space-size=1", "/warm/warm.js", "/app"]

# --- the image -----------------------------------------------------------------------------------
FROM ${BASE}
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="okapi-sidecar" \
      org.opencontainers.image.description="A small mutual-TLS proxy beside every FOLIO module" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
ENV PATH=/nodejs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# No session tickets (docs/decisions/0002-no-resumption.md). Who needs another file takes the line over.
ENV OPENSSL_CONF=/app/openssl.cnf
# Root's, so that the sidecar itself cannot change what it runs.
COPY --from=warm --chown=0:0 /app /app
USER 65532:65532
# Where `sidecar.yaml` is looked for.
WORKDIR /etc/sidecar
EXPOSE 8443 9901
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["node", "/app/main.js", "health"]
# A small young generation: 6 MB less at rest, tens of MB under load, at no cost (docs/performance.md).
ENTRYPOINT ["node", "--expose-gc", "--max-semi-space-size=1", "/app/main.js"]
CMD ["run"]
