#!/bin/bash
# recurseSubmodules on a tenant's source: the chart then holds what no evidence has read, and Flux sends the repository's credentials to the submodules' hosts.
HERE=$(cd "$(dirname "$0")" && pwd); . "$HERE/../lib.sh"
python3 - <<'P' || exit 2
import glob, re
changed = 0
for file in glob.glob('src/manifests/*.ts'):
    if file.endswith('/automation.ts'): continue # the shared repository's own source
    text = open(file).read()
    # Only objects of Flux's source API, not of its image API.
    part = re.search(r'source\.toolkit\.fluxcd\.io.*?(?=image\.toolkit\.fluxcd\.io|\Z)', text, re.S)
    if part is None: continue
    new, count = re.subn(r'(\n\s+spec: \{)', r'\1 ...({ recurseSubmodules: true } as object),', part[0])
    open(file, 'w').write(text.replace(part[0], new)); changed += count
assert changed, 'no file of src/manifests builds a source as before'
P
node bin/authority.js render --stack prod --out "$T/rendered" > "$T/render.log" 2>&1 || { cat "$T/render.log"; exit 2; }
grep -rl 'recurseSubmodules: true' "$T/rendered" | grep -qi gitrepository || cannot_tell "the rendered GitRepository has no recurseSubmodules"
commit sub; checked
