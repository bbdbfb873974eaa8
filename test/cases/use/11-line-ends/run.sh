#!/bin/sh
# Usage: run.sh <checkout>. One commit, checked out with core.autocrlf=false and =true (the default of Git for Windows).
# `git status` is clean in both. The objects must be the same.
. "$(dirname "$0")/../_lib/lib.sh"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work" || exit 2
for crlf in false true; do
  git -c core.autocrlf=$crlf clone -q --config core.autocrlf=$crlf "$checkout" $crlf 2>/dev/null || git clone -q --config core.autocrlf=$crlf "file://$checkout" $crlf
  [ -z "$(git -C $crlf status --porcelain)" ] || cannot_tell "the clone with core.autocrlf=$crlf is not clean"
  node "$checkout/bin/authority.js" render --cwd "$work/$crlf" --stack prod --out "$work/out-$crlf" || exit 2
done
diff -rq out-false out-true
