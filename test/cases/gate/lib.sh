# Sourced by each run.sh: clones the checkout ($1) and gives it an engine of its own. Nothing outside the clone changes.
# run.sh exits with 1 while the hole exists, 0 once it is closed, 2 if it cannot tell.
set -u
cannot_tell() { echo "cannot tell: $1"; exit 2; }
[ -n "${AUTHORITY_TOOLS:-}" ] || cannot_tell "AUTHORITY_TOOLS is not set; it must name the folder that ../shared/tools/prepare prints"
[ $# -ge 1 ] || cannot_tell "usage: run.sh <checkout>"
export PATH="$AUTHORITY_TOOLS/bin:$PATH" PULUMI_CONFIG_PASSPHRASE=x PULUMI_SKIP_UPDATE_CHECK=1
unset CI
CHECKOUT=$(cd "$1" && pwd) || cannot_tell "$1 is not a folder"
NM=$CHECKOUT/node_modules
[ -d "$NM" ] || cannot_tell "$CHECKOUT has no node_modules"
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
W=$T/project
git -c safe.directory='*' clone -q "$CHECKOUT" "$W" || cannot_tell "cannot clone $CHECKOUT"
mkdir "$W/node_modules"; for e in "$NM"/* "$NM"/.bin; do ln -s "$e" "$W/node_modules/$(basename "$e")"; done
# The clone imports its own package by name, which needs what `npm run build` makes.
[ -d "$CHECKOUT/dist" ] || cannot_tell "$CHECKOUT has no dist; run npm run build"
cp -R "$CHECKOUT/dist" "$W/dist"
export PULUMI_HOME=$T/home PULUMI_BACKEND_URL=file://$T/state; mkdir -p "$T/home" "$T/state"
cd "$W" || exit 2
commit() { git add -A; git -c user.name=red -c user.email=red@red commit -qm "${1:-change}" || cannot_tell "the change could not be committed"; }
# attack <TypeScript>: a contributor's change to index.ts. It runs when the program registers the HelmRelease of the first
# tenant, wherever the program does that, and can use `cr`, `raw`, `provider` and `running`, the HelmRelease.
attack() {
  [ -f index.ts ] || cannot_tell "the checkout has no index.ts"
  cat > attack.ts <<X
import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource";
import * as pulumi from "@pulumi/pulumi";
import { writeFileSync } from "node:fs";
function attack(provider: any, running: any): void {
  const cr = (n: string, o: any, opts: any = {}) => new CustomResource(n, o, { provider, ...opts });
  const raw = (t: string, n: string, o: any, opts: any = {}) => new pulumi.CustomResource(t, n, o, { provider, ...opts });
  void cr; void raw; void running;
  $1
}
let done = false;
pulumi.runtime.registerStackTransformation(({ resource, type }) => {
  if (!done && type === "kubernetes:helm.toolkit.fluxcd.io/v2:HelmRelease") {
    done = true;
    queueMicrotask(() => {
      const provider = resource.getProvider(type);
      if (provider === undefined) throw new Error("the HelmRelease has no provider");
      attack(provider, resource);
      writeFileSync("$T/attacked", "");
    });
  }
  return undefined;
});
X
  sed -i '1i import "./attack";' index.ts
  INJECTED=1
}
init() {
  command -v pulumi-language-nodejs > /dev/null || cannot_tell "no pulumi-language-nodejs on PATH (tools/README.md)"
  pulumi stack init prod > "$T/init.log" 2>&1 || { cat "$T/init.log"; exit 2; }
  commit init
}
preview() { pulumi preview --stack prod --policy-pack policy-pack --non-interactive --color never "$@" > "$T/log" 2>&1; }
# Runs a preview, and reports whether the policy pack let it pass.
judged() {
  init
  preview; passed=$?
  [ -z "${INJECTED:-}" ] || [ -e "$T/attacked" ] || { tail -20 "$T/log"; cannot_tell "the program registered no HelmRelease, so the attack did not run"; }
  if [ $passed = 0 ]; then echo "HOLE: the preview with the pack passed"; exit 1; fi
  if grep -q '\[mandatory\]' "$T/log"; then echo "closed:"; grep -E '\[mandatory\]|^ {12}- ' "$T/log" | head -6; exit 0; fi
  tail -20 "$T/log"; cannot_tell "the preview failed, but not by a policy"
}
# Runs `authority check` on what is committed.
checked() {
  node bin/authority.js check --stack prod > "$T/log" 2>&1; rc=$?
  grep -q 'cannot be verified' "$T/log" && { cat "$T/log"; exit 2; }
  case $rc in 0) echo "HOLE: authority check reports nothing"; exit 1;; 2|3) echo "closed:"; head -4 "$T/log"; exit 0;; *) cat "$T/log"; exit 2;; esac
}
