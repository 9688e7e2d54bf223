# shellcheck shell=bash
# Shared by ./run and ./test: finds out what a bare Debian lacks, installs it as root, names it otherwise. Sourced, not run.

# Colours for people at a terminal, not for files.
bold='' red='' plain=''
if [ -t 2 ]; then bold=$'\033[1m' red=$'\033[31m' plain=$'\033[0m'; fi
say() { printf '%s▸ %s%s\n' "$bold" "$*" "$plain" >&2; }
die() { printf '%s✗ %s%s\n' "$red" "$*" "$plain" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Java of at least the given major version.
have_java() {
  local major
  major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1) || return 1
  [ "${major:-0}" -ge "$1" ]
}

have_postgres() { have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

# To compile: a C compiler and make for librdkafka, SQLite and zstd; curl for rustup.
packages_to_build() {
  have cc && have c++ && have make || echo build-essential
  have pkg-config || echo pkg-config
  [ -e /usr/include/zlib.h ] || echo zlib1g-dev
  have cargo || { have curl || echo curl; [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates; }
}

# For ./test: git, whose list of files the checks go through; a Python for the `typos` wheel; with real servers also the Java of Kafka and
# Elasticsearch, with its compiler for a plugin of ours, Maven to fetch them, Postgres and a browser.
packages_to_test() {
  have git || echo git
  have typos || python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || echo python3-venv
  [ "$1" = quick ] && return
  have_java 17 && have javac || if apt-cache show openjdk-17-jdk-headless >/dev/null 2>&1; then echo openjdk-17-jdk-headless; else echo default-jdk-headless; fi
  have mvn || echo maven
  have_postgres || echo postgresql
  have chromium || echo chromium
  have chromedriver || echo chromium-driver
  # The gateway; and what reads alert rules and dashboards' expressions, and the compose file.
  have nginx || [ -x /usr/sbin/nginx ] || echo nginx-light
  have promtool || echo prometheus
  have docker-compose || echo docker-compose
  have openssl || echo openssl
  have systemd-analyze || echo systemd
  # Sets the clock of one process back.
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || echo faketime
}

install_packages() { # package…
  [ $# -gt 0 ] || return 0
  have apt-get || die "missing here: $* (names of Debian packages). Install what they hold, then start again."
  if [ "$(id -u)" = 0 ]; then
    say "installing $*"
    apt-get update -qq || say "apt-get update failed; trying with the lists that are here"
    # The package's own cluster on port 5432 is not wanted: every set of servers makes one below target/.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    # Nor is anything else started that packages bring, such as a web server on port 80: where nobody has said what may start, nothing may.
    local policy=/usr/sbin/policy-rc.d own=""
    [ -e "$policy" ] || { own=1; printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 0755 "$policy"; }
    local installed=0
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || installed=1
    [ -z "$own" ] || rm -f "$policy"
    [ "$installed" = 0 ] || die "apt-get could not install: $*"
  else
    local rust=""
    have cargo || [ -x "$HOME/.cargo/bin/cargo" ] || rust=" Rust is then fetched for this user alone."
    die "missing: $*
  as root:  apt-get update && apt-get install --no-install-recommends $*
  then start again.$rust"
  fi
}

# The Rust of rust-toolchain.toml. Where it cannot be fetched, an installed `stable` of the same version does.
setup_rust() {
  local wanted
  wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
  if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
    PATH="$HOME/.cargo/bin:$PATH"
  fi
  if ! have cargo; then
    say "installing Rust $wanted with rustup, for this user"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --no-modify-path --profile minimal --default-toolchain none >/dev/null ||
      die "rustup could not be fetched. Install Rust $wanted by hand (https://rustup.rs), then start again."
    PATH="$HOME/.cargo/bin:$PATH"
  fi
  export PATH
  if ! have rustup; then
    # A Rust from the distribution: cargo itself refuses one that is older than `rust-version`.
    return 0
  fi
  if RUSTUP_AUTO_INSTALL=0 rustc --version >/dev/null 2>&1; then
    return 0
  fi
  say "installing Rust $wanted"
  if rustup toolchain install "$wanted" --profile minimal --component clippy --component rustfmt >/dev/null 2>&1; then
    return 0
  fi
  if [ "$(rustc +stable --version 2>/dev/null | cut -d' ' -f2)" = "$wanted" ]; then
    export RUSTUP_TOOLCHAIN=stable
    return 0
  fi
  die "Rust $wanted is not installed and could not be fetched: rustup toolchain install $wanted"
}
