# The bridge, with local speech and with the clients of the cloud. Built in the project's folder:
#   docker build -f docker/bridge.Dockerfile -t kav .
FROM python:3.11-slim-bookworm AS packages
WORKDIR /src
COPY requirements requirements
RUN python -m venv /opt/kav \
 && /opt/kav/bin/pip install --no-cache-dir --require-hashes -r requirements/embedded.txt -r requirements/cloud.txt \
 && /opt/kav/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/no-deps.txt
COPY pyproject.toml README.md LICENSE ./
COPY engine engine
COPY bridge bridge
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/kav/bin/pip install --no-cache-dir --no-deps --no-index --find-links /wheels kav

FROM python:3.11-slim-bookworm
# Debian's security updates are wanted, so its versions are not pinned.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends espeak-ng \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-log-init --create-home --home-dir /var/lib/kav kav
COPY --from=packages /opt/kav /opt/kav
ENV PATH=/opt/kav/bin:$PATH \
    KAV_DATA=/var/lib/kav \
    KAV_LOG=json
USER 10001:10001
WORKDIR /var/lib/kav
VOLUME /var/lib/kav
EXPOSE 8080 9092
# 503 while it drains: no new calls, but not dead.
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python", "-c", "from os import getenv; from urllib.request import urlopen; urlopen('http://127.0.0.1:' + getenv('KAV_HTTP_PORT', '8080') + '/version', timeout=2)"]
ENTRYPOINT ["kav"]
CMD ["serve", "--quiet"]
