# Asterisk with the settings of asterisk/conf, for a machine without a PBX. Built in the project's folder:
#   docker build -f docker/asterisk.Dockerfile -t kav-asterisk .
FROM debian:bookworm-slim AS fetch
WORKDIR /src
COPY asterisk/fetch asterisk/fetch
ENV MIRROR=http://deb.debian.org/debian
RUN asterisk/fetch /opt/asterisk

FROM debian:bookworm-slim
COPY --from=fetch /opt/asterisk /opt/asterisk
COPY asterisk /opt/kav/asterisk
RUN useradd --uid 10002 --user-group --no-log-init --no-create-home asterisk
ENV FOLDER=/opt/asterisk \
    RUN=/run/asterisk
USER 10002:10002
EXPOSE 5060/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/opt/kav/asterisk/run", "cli", "core", "waitfullybooted"]
ENTRYPOINT ["/opt/kav/asterisk/run"]
