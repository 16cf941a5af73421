# Sourced by tests/demo and tests/run: says what it does, installs what is missing, builds.
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1

bold='' red='' plain=''
[ -t 1 ] && bold=$'\033[1m' red=$'\033[1;31m' plain=$'\033[0m' # on a terminal, not in a log
say() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }
fail() { printf '%s==> %s%s\n' "$red" "$*" "$plain" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "this needs root, and there is no sudo here: run as root, or install by hand: $*"
    fi
}

missing_packages() { # $1: regular expression of groups
    local wanted
    wanted=$(awk -v g="^($1)\$" '$1 ~ g { print $2 }' tests/lib/packages)
    for package in $wanted; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || echo "$package"
    done
    # Any Node 18 or later does, Debian's or another that is here already.
    if [[ $1 == *run* ]]; then
        command -v node >/dev/null || echo nodejs
        command -v npm >/dev/null || echo npm
    fi
}

# Debian starts and enables a service that is installed: not here. A policy-rc.d forbids the start while
# apt runs; what this run installed is disabled afterwards.
install_packages() {
    local missing policy=/usr/sbin/policy-rc.d made=""
    mapfile -t missing < <(missing_packages "$1")
    [ "${#missing[@]}" = 0 ] && { say "Debian packages: all are here"; return; }
    command -v apt-get >/dev/null || fail "missing: ${missing[*]} (and this is no Debian: install them by hand)"
    say "Debian packages: installing ${missing[*]}"
    if ! as_root test -e "$policy"; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        made=1
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || true
    local ok=1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >/tmp/smpp-connector-apt.$$ 2>&1 || ok=0
    [ -n "$made" ] && as_root rm -f "$policy"
    if [ "$ok" = 0 ]; then
        tail -5 /tmp/smpp-connector-apt.$$ >&2
        fail "apt-get could not install them (whole output: /tmp/smpp-connector-apt.$$)"
    fi
    rm -f /tmp/smpp-connector-apt.$$
    local package unit
    for package in "${missing[@]}"; do
        for unit in $(dpkg -L "$package" 2>/dev/null | sed -n 's#^\(/usr\)\?/lib/systemd/system/\([^@/]*\.\(service\|timer\|socket\)\)$#\2#p'); do
            if command -v systemctl >/dev/null; then
                as_root systemctl disable --quiet "$unit" 2>/dev/null || true
            fi
        done
    done
}

build_preset() { # $1: preset; further arguments: targets
    local preset=$1
    shift
    say "Building ($preset)"
    local log=build/$preset.log
    mkdir -p build
    if ! { cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
        grep -E 'error|Error|FAILED|No package|not found' "$log" | head -20 >&2
        fail "the build failed; whole output: $log"
    fi
}
