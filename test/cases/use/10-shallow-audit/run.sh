#!/bin/sh
# Usage: run.sh <checkout>. Three releases on `main`, audited in the clones that CI services make. No verdict may be false:
# either the tags are kept, or it is said that this clone cannot tell (exit code 2, or the word shallow / no branch "main").
. "$(dirname "$0")/../_lib/lib.sh"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work" || exit 2
git init -q -b main app; cd app; git config user.email a@example.com; git config user.name a; mkdir -p charts/shop
for v in 1.0.0 1.1.0 1.2.0; do printf 'apiVersion: v2\nname: shop\nversion: %s\nappVersion: "%s"\n' $v $v > charts/shop/Chart.yaml; git add -A; git commit -qm $v; git tag -am $v $v; done; cd ..
git clone -q --depth 1 "file://$work/app" actions; git -C actions fetch -q --depth 1 origin '+refs/tags/*:refs/tags/*'
git clone -q "file://$work/app" gitlab; git -C gitlab checkout -q --detach; git -C gitlab branch -qD main || exit 2
fault=0
for clone in app actions gitlab; do
  echo "== $clone (shallow: $(git -C $clone rev-parse --is-shallow-repository))"
  authority audit --repository $clone --chart charts/shop --released-from main > out 2>&1
  grep -v '^reading' out; echo "exit code $code"
  if [ $code -eq 3 ] && ! grep -qiE 'shallow|no branch "?main' out; then fault=1; fi
done
exit $fault
