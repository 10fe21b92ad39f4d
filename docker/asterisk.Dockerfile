# Asterisk with the settings of asterisk/conf, for a machine without a PBX. Built in the project's folder:
#   docker build -f docker/asterisk.Dockerfile -t kav-asterisk .
FROM debian:bookworm-slim AS fetch
WORKDIR /src
COPY asterisk/fetch asterisk/fetch
RUN asterisk/fetch /opt/asterisk

# What Asterisk itself says, read by the local voice: the image has neither Python nor a place to write it.
FROM python:3.11-slim-bookworm AS prompts
WORKDIR /src
# Debian's security updates are wanted, so its versions are not pinned.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends espeak-ng \
 && rm -rf /var/lib/apt/lists/*
COPY requirements requirements
RUN python -m venv /opt/kav \
 && /opt/kav/bin/pip install --no-cache-dir --require-hashes -r requirements/embedded.txt \
 && /opt/kav/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/no-deps.txt
COPY engine engine
COPY bridge bridge
RUN /opt/kav/bin/python -m bridge.prompts /opt/prompts

FROM debian:bookworm-slim
COPY --from=prompts /opt/prompts /opt/prompts
COPY --from=fetch /opt/asterisk /opt/asterisk
COPY asterisk /opt/kav/asterisk
RUN useradd --uid 10002 --user-group --no-log-init --no-create-home asterisk \
 && install -d -m 0700 -o asterisk -g asterisk /var/spool/kav
# What it logs is the container's to keep and to empty; what it records outlives the container.
ENV FOLDER=/opt/asterisk \
    RUN=/run/asterisk \
    SOUNDS=/opt/prompts \
    SPOOL=/var/spool/kav \
    LOG_TO=console
USER 10002:10002
VOLUME /var/spool/kav
EXPOSE 5060/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/opt/kav/asterisk/run", "cli", "core", "waitfullybooted"]
ENTRYPOINT ["/opt/kav/asterisk/run"]
