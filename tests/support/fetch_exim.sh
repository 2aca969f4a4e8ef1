#!/usr/bin/env bash
# Unpacks Debian's Exim into build/exim, for the tests that want a second real receiver: installing it would remove Postfix.
# What it links to comes along, and nss_wrapper, by which it finds the user that its package would have made.
set -euo pipefail
cd "$(dirname "$0")/../.."
target="$PWD/build/exim"
[ -x "$target/usr/sbin/exim4" ] && exit 0
archives=$(mktemp -d)
trap 'rm -rf "$archives"' EXIT
mkdir -p "$archives/partial" "$target"
apt-get install -y -qq --no-install-recommends --download-only -o Dir::Cache::archives="$archives" \
  -o APT::Sandbox::User=root exim4-daemon-light libnss-wrapper >/dev/null
for package in "$archives"/*.deb; do dpkg-deb -x "$package" "$target"; done
test -x "$target/usr/sbin/exim4"
