#!/bin/sh
# Extracts the sprites from the npm archive of emoji-datasource-google 16.0.0 into this folder.
# Usage: refresh.sh emoji-datasource-google-16.0.0.tgz
set -eu
archive=$(realpath "${1:?usage: refresh.sh emoji-datasource-google-16.0.0.tgz}")
cd "$(dirname "$0")"
expected=fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438
actual=$(sha256sum "$archive" | cut -d' ' -f1)
if [ "$actual" != "$expected" ]; then
  echo "$archive has SHA-256 $actual, expected $expected: not version 16.0.0" >&2
  exit 1
fi
for sprite in *.png; do
  tar -xzf "$archive" --strip-components=4 "package/img/google/64/$sprite"
done
