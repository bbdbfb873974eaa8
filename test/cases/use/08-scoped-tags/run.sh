#!/bin/sh
# usage: run.sh <checkout>. A repository of several applications, tagged as Changesets does: shop@1.0.0.
. "$(dirname "$0")/../_lib/lib.sh"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work" || exit 2
git init -q -b main app || exit 2; cd app || exit 2; git config user.email a@example.com; git config user.name a; mkdir -p charts/shop
for v in 1.0.0 1.1.0; do printf 'apiVersion: v2\nname: shop\nversion: %s\nappVersion: "%s"\n' $v $v > charts/shop/Chart.yaml; git add -A; git commit -qm $v && git tag shop@$v || exit 2; done; cd ..
fault=0
echo "== without a prefix: is the prefix suggested?"
authority audit --repository app --chart charts/shop > out 2>&1; cat out; grep -q 'shop@' out || fault=1
echo "== with it"
authority audit --repository app --chart charts/shop --prefix git=shop@; [ $code = 0 ] || fault=1
exit $fault
