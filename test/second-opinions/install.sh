#!/usr/bin/env bash
# Installs the servers that other people wrote and that `npm run test:wire` asks for a second opinion, from pinned
# versions into .second-opinions/. Safe to run again: what is there already is left alone. What the machine cannot
# install is said in one line and skipped; the tests then say what they did not try.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
target="$(cd "$here/../.." && pwd)/.second-opinions"
versitygw='v1.8.0'
maven_dependency_plugin='3.6.1'
mkdir -p "$target"

# installed <name> <pin>: whether that very pin is in place already.
installed() { [ -f "$target/$1.pin" ] && [ "$(cat "$target/$1.pin")" = "$2" ]; }
has() { command -v "$1" > /dev/null 2>&1; }
skip() { echo "second opinions: $1 skipped: $2"; }

# run <name> <pin> <command...>: its output is shown only if it fails; the pin is written only if it does not.
run() {
  local name="$1" pin="$2" log="$target/$1.log"
  shift 2
  if "$@" > "$log" 2>&1; then
    echo "$pin" > "$target/$name.pin"
    echo "second opinions: $name installed"
  else
    tail -n 15 "$log" >&2
    skip "$name" "its installation failed, see above"
  fi
}

python_packages() {
  rm -rf "$target/venv"
  python3 -m venv "$target/venv"
  "$target/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
}

dynamodb_local() {
  rm -rf "$target/dynamodb-local"
  mvn -B -q -f "$here/dynamodb-local/pom.xml" \
    "org.apache.maven.plugins:maven-dependency-plugin:$maven_dependency_plugin:copy-dependencies" \
    -DincludeScope=runtime -DoutputDirectory="$target/dynamodb-local"
}

s3_server() {
  GOBIN="$target/bin" CGO_ENABLED=0 go install "github.com/versity/versitygw/cmd/versitygw@$versitygw"
}

pin="$(cksum < "$here/requirements.txt")"
if installed python "$pin"; then :
elif has python3; then run python "$pin" python_packages
else skip 'moto and cfn-lint' 'no python3 here'; fi

pin="$(cksum < "$here/dynamodb-local/pom.xml")"
if installed dynamodb-local "$pin"; then :
elif ! has java || ! java --list-modules 2> /dev/null | grep -q '^jdk.compiler@'; then
  skip 'DynamoDB Local' 'no JDK here (17 or newer)'
elif has mvn; then run dynamodb-local "$pin" dynamodb_local
else skip 'DynamoDB Local' 'no mvn here'; fi

if installed versitygw "$versitygw"; then :
elif has go; then run versitygw "$versitygw" s3_server
else skip 'versitygw (S3)' 'no go here'; fi
