# shellcheck shell=sh
# Keeps the module on stdin (SHA256; empty: there is none) where the proxy loads it from.

# Where the agent keeps the modules that it fetches. A pod has the folder as a volume; the package does not bring it, and
# without it no module is ever loaded on a VM (IstioDataDir, pkg/wasm/cache.go).
install -d -m 0755 -o istio-proxy -g istio-proxy /var/lib/istio/data
[ -n "$SHA256" ] || exit 0
modules=/var/lib/vm-mesh/modules
install -d -m 0755 /var/lib/vm-mesh "$modules"
find "$modules" -type f ! -name '*.wasm' -mmin +60 -delete # of copies that were killed
# Of its own: extensions that have the same module are made ready at once.
part=$modules/$SHA256.$$
trap 'rm -f "$part"' EXIT
cat >"$part"
echo "$SHA256  $part" | sha256sum --check --status - || fail "the module was damaged on its way"
chmod 0644 "$part"
mv "$part" "$modules/$SHA256.wasm"
