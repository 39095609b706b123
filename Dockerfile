# The steps are the repository's own scripts, which its tests run too.
#   docker build --target pool .    the pool (default)
#   docker build --target node .    a Bitcoin node, from Debian's packages
ARG NODE_VERSION=22

FROM node:${NODE_VERSION}-bookworm-slim AS base

FROM base AS build
RUN apt-get update \
  && apt-get install --yes --no-install-recommends g++ \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json LICENSE ./
COPY scripts scripts
COPY bin bin
COPY config config
COPY native native
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm run package -- /package

FROM base AS node
WORKDIR /node
COPY package.json package-lock.json ./
COPY scripts scripts
RUN npm run install-node \
  && mkdir /data /cookie \
  && chown node:node /data /cookie
USER node
VOLUME ["/data", "/cookie"]
ENTRYPOINT ["/node/.cache/debian/bitcoin-knots/bin/bitcoind", "-datadir=/data", "-rpccookiefile=/cookie/.cookie"]

FROM base AS pool
ENV NODE_ENV=production
# flock locks a journal; setpriv runs an embedded Postgres as somebody else, should the pool run as root.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends util-linux \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /package /app
RUN mkdir /data /cookie && chown node:node /data /cookie
USER node
WORKDIR /data
VOLUME ["/data"]
EXPOSE 3333 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "/app/bin/healthcheck.mjs"]
ENTRYPOINT ["node", "/app/bin/penstock.mjs"]
CMD ["serve", "--config", "/config/penstock.yaml"]
