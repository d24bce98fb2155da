ARG BASE
FROM ${BASE}
RUN useradd --create-home --uid 1337 istio-proxy
COPY envoy_bootstrap_tmpl.json /var/lib/istio/envoy/
COPY pilot-discovery /usr/local/bin/
USER 1337:1337
ENTRYPOINT ["/usr/local/bin/pilot-discovery"]
