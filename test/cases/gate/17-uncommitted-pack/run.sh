#!/bin/bash
# commit-before-deploy does not look at policy-pack/: an emptied pack deploys.
HERE=$(cd "$(dirname "$0")" && pwd); . "$HERE/../lib.sh"
init; grep -q '^  policies,$' policy-pack/index.ts || cannot_tell "the pack could not be emptied"
sed -i 's/^  policies,$/  policies: policies.slice(policies.length),/' policy-pack/index.ts
if pulumi up --yes --skip-preview --stack prod --policy-pack policy-pack --non-interactive --color never > "$T/log" 2>&1; then echo "HOLE: up went through with a changed, uncommitted pack"; exit 1; fi
grep -q 'policy-pack' "$T/log" && { echo closed; exit 0; }; tail -5 "$T/log"; exit 2
