# syntax=docker/dockerfile:1

# One image for every process: `meshbot bot`, `meshbot worker`, `meshbot clock`, and `meshbot doctor`.
#
#   docker buildx build --platform linux/amd64,linux/arm64 -t meshbot .
#
# tests/image runs each RUN line of the first stage in a plain directory, twice, and starts what comes out.

# Debian's own Python, because the second stage has the very same one under the very same path.
FROM debian:13-slim AS build
# hadolint ignore=DL3008 # what Debian has today, with its security fixes; what we run on is pinned by uv.lock
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
RUN python3 -m venv /build/tools && /build/tools/bin/pip install --no-cache-dir uv==0.13.9
ENV UV_PROJECT_ENVIRONMENT=/app \
    UV_PYTHON=/usr/bin/python3 \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=0 \
    UV_CACHE_DIR=/build/cache

# The packages first: a change of ours leaves this layer as it was.
COPY pyproject.toml uv.lock ./
RUN /build/tools/bin/uv sync --frozen --no-dev --extra otel --no-install-project
# What changes seldom comes first (`git log --oneline -- telemetry | wc -l`): a change leaves the layers before its own.
COPY telemetry telemetry
COPY meshbot meshbot
COPY README.md ./
COPY settings settings
COPY bot bot
COPY store store
COPY playground playground
COPY workers workers
COPY chat chat
COPY mesh mesh
RUN /build/tools/bin/uv sync --frozen --no-dev --extra otel --no-editable
# What nobody imports: the asynchronous twin of the Kubernetes client, and the tests of packages.
# Then the same source gives the same files: no times of this build in them, one order in every compiled set.
RUN rm -rf /app/lib/python3.*/site-packages/kubernetes/aio \
    && find /app/lib -type d -name tests -prune -exec rm -rf {} + \
    && find /app/lib -name uv_cache.json -delete \
    && find /app/lib -name RECORD -delete \
    && PYTHONHASHSEED=0 /app/bin/python -m compileall -f -q --invalidation-mode unchecked-hash /app/lib


# No shell, no package manager, no root.
FROM gcr.io/distroless/python3-debian13:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="meshbot" \
      org.opencontainers.image.description="Move service-mesh traffic from Slack: safely, and so that everybody can see what happened." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /app /app
# Nothing is written but below /tmp: the root file system may be read-only.
ENV PATH=/app/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib
USER 65532:65532
WORKDIR /tmp
EXPOSE 3000 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["/app/bin/meshbot", "probe"]
ENTRYPOINT ["/app/bin/meshbot"]
CMD ["--help"]
