# The service as an image. The last stage is the service; `--target tools` adds what commands often need.
#
#   docker build -t execd .                        how to run it: docs/operate/deploy.md
#   docker build -t execd-tools --target tools .

# A Debian with a C library and coreutils, because users' commands need them. A release may pin it by digest.
ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim

# ------------------------------------------------------------------------------------------------- build
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# With the optional packages: what builds the console is one for each platform. No package needs its install script.
RUN --mount=type=cache,target=/npm-cache \
  npm ci --cache /npm-cache --ignore-scripts
RUN apt-get update \
  && apt-get install -y --no-install-recommends gcc libc6-dev \
  && rm -rf /var/lib/apt/lists/*
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build-native.sh scripts/bundle.ts scripts/build-console.ts scripts/sbom.ts ./scripts/
COPY src ./src
COPY console ./console
COPY scripts/build-guide.ts ./scripts/
COPY scripts/guide ./scripts/guide
COPY README.md CONTRIBUTING.md .env.example ./
COPY docs ./docs
RUN npm run build:native && npm run build && npm run build:guide \
  && node scripts/sbom.ts --omit optional > sbom.cdx.json

# ------------------------------------------------------------------------------- production dependencies
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/npm-cache \
  npm ci --cache /npm-cache --omit=dev --omit=optional --ignore-scripts

# ----------------------------------------------------------------------------------------------- runtime
FROM ${NODE_IMAGE} AS runtime

# No bubblewrap: a container does not let it make namespaces (docs/operate/isolation.md).
# tini reaps the orphans of users' commands, which Node as process 1 would leave as zombies.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/*

# Package managers are of no use to the service, and a burden to whoever scans the image.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* \
  /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg

# The name is for commands that look up who they are; the service itself goes by the number.
RUN groupadd --gid 10001 execd \
  && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin execd \
  && install -d -o 10001 -g 10001 -m 0750 /data

WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/build ./build
COPY --from=build /app/sbom.cdx.json ./
COPY package.json ./

# Within a container the loopback reaches nobody, so it listens everywhere. It then starts only with
# EXECUTION_API_KEYS_FILE; or give it EXECUTION_HOST=127.0.0.1 where the container shares the host's network.
ENV NODE_ENV=production
ENV EXECUTION_HOST=0.0.0.0
ENV EXECUTION_PORT=8080
ENV EXECUTION_DATA_DIR=/data

# Only /data, /tmp and /dev/shm are written: the root may be read-only.
# Of a container without a volume of its own, the data outlives its removal.
VOLUME ["/data"]
EXPOSE 8080

# A number, because Kubernetes cannot tell whether a name is root.
USER 10001:10001
STOPSIGNAL SIGTERM

# Asks where the service listens: a wildcard address is asked on its loopback, any other as it stands.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["node", "-e", "\
  const { EXECUTION_HOST: host, EXECUTION_PORT: port } = process.env; \
  const wildcards = { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '::1' }; \
  const address = wildcards[host] ?? host; \
  const url = 'http://' + (address.includes(':') ? '[' + address + ']' : address) + ':' + (port || 8080); \
  fetch(url + '/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1));"]

# Not -g: the service itself decides how and when the processes of its commands end.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["node", "--disable-sigusr1", "--enable-source-maps", "dist/bin/server.js"]

# Last, because they change with every build.
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=unknown
ARG DOCUMENTATION=unknown
LABEL org.opencontainers.image.title="execd"
LABEL org.opencontainers.image.description="A standalone HTTP execution service"
LABEL org.opencontainers.image.licenses="MIT"
LABEL org.opencontainers.image.version="${VERSION}"
LABEL org.opencontainers.image.revision="${REVISION}"
LABEL org.opencontainers.image.created="${CREATED}"
LABEL org.opencontainers.image.source="${SOURCE}"
LABEL org.opencontainers.image.documentation="${DOCUMENTATION}"

# ------------------------------------------------------------------------------------------------- tools
FROM runtime AS tools
USER 0:0
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates curl git jq python3 \
  && rm -rf /var/lib/apt/lists/*
USER 10001:10001

# ----------------------------------------------------------------------------------------------- service
FROM runtime AS service
