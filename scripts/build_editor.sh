#!/bin/sh
# Build the editor of the notebook's widgets anew: CodeMirror as one file, with the licences of what
# is in it. It needs npm, and is run by whoever changes scripts/editor/package.json; what it makes is
# kept in the repository, so that nobody else needs npm.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target="$here/../jupyter_ext/enfyra_jupyter/widgets/vendor"
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cp "$here"/editor/* "$build"
cd "$build"
npm ci --silent
mkdir -p "$target"
npx esbuild entry.js --bundle --minify --format=esm --target=es2022 --legal-comments=none \
  --metafile=meta.json --outfile="$target/codemirror.js"
node licences.js meta.json > "$target/LICENSE"
