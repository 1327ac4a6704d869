# docker build -t nginx-sse . && docker run -p 8080:8080 -e SSE_BROKER=redis://redis:6379 nginx-sse
# scripts/image builds and tries it without Docker.

FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ make nginx-dev libhiredis-dev libsodium-dev rapidjson-dev
COPY . /usr/src/nginx-sse
RUN /usr/src/nginx-sse/scripts/build

FROM debian:bookworm-slim
# Any user may run it: what nginx writes goes to /run/nginx-sse, or to stdout and stderr.
RUN apt-get update \
 && apt-get install -y --no-install-recommends nginx libstdc++6 curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --no-create-home sse \
 && install -d -m 1777 /run/nginx-sse
COPY --from=build /usr/src/nginx-sse/build/ngx_http_sse_module.so /usr/lib/nginx/modules/
COPY scripts/demo /usr/share/nginx-sse
COPY scripts/demo/nginx.conf /etc/nginx-sse/nginx.conf.in
COPY scripts/docker-entrypoint /usr/local/bin/

USER sse
EXPOSE 8080
# Ends streams cleanly; `docker stop` waits 10 s by default.
STOPSIGNAL SIGQUIT
# Only of nginx: without Redis it goes on serving, and another start would cut the streams and mend nothing.
HEALTHCHECK --interval=30s --timeout=3s CMD curl -fso /dev/null --max-time 2 http://127.0.0.1:8080/
ENTRYPOINT ["docker-entrypoint"]
