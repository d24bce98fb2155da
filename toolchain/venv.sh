#!/bin/sh
# Makes the Python environment of this checkout, or finds it made, and prints its path.
# It lies in the cache under a name that changes with requirements.txt and with Python, so checkouts share it.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
cache=${VM_MESH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vm-mesh}
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed: install it, or name it in PYTHON" >&2
    exit 1
fi
# base_prefix is the same from inside the environment that is made here, which may be first on PATH.
key=$("$python" - "$here/requirements.txt" <<'PY'
import hashlib, pathlib, sys
print(hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes() + (sys.version + sys.base_prefix).encode()).hexdigest()[:12])
PY
)
venv=$cache/venv/$key

if [ ! -e "$venv/complete" ]; then
    mkdir -p "$cache/venv" "$cache/locks"
    # Not every system has flock(1); a lock taken on this shell's descriptor stays until the shell ends.
    exec 9>"$cache/locks/venv-$key.lock"
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
fi
if [ ! -e "$venv/complete" ]; then
    echo "Installing the Python packages of requirements.txt into $venv" >&2
    rm -rf "$venv"
    if ! { "$python" -m venv "$venv" && "$venv/bin/python" -m pip install --quiet \
        --disable-pip-version-check --requirement "$here/requirements.txt"; } >"$venv.log" 2>&1; then
        cat "$venv.log" >&2
        echo "The Python packages could not be installed, as said above. Running again starts over." >&2
        exit 1
    fi
    rm "$venv.log"
    : >"$venv/complete"
fi
echo "$venv"
