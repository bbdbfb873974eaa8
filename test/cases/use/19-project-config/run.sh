#!/bin/sh
# usage: run.sh <checkout>. A key of ours in Pulumi.yaml (project-level config): `pulumi preview` refuses it, `check` must
# report it too.
. "$(dirname "$0")/../_lib/lib.sh"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cp -r "$checkout/Pulumi.yaml" "$checkout/Pulumi.prod.yaml" "$checkout/releases.lock.yaml" "$checkout/tenants" "$work" || exit 2
check() { authority check --cwd "$work" --stack prod; echo "exit code $code"; }
check; [ $code = 0 ] || cannot_tell "authority check fails without the key"
printf '  shared-authority:intervals:\n    value: { release: 2m0s }\n' >> "$work/Pulumi.yaml"
check; [ $code != 0 ]
