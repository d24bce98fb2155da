ARG BASE
FROM ${BASE}
RUN useradd --create-home --uid 1337 istio-proxy
COPY envoy_bootstrap_tmpl.json /var/lib/istio/envoy/
COPY pilot-agent envoy /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/pilot-agent"]
