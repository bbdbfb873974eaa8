#!/bin/bash
# recurseSubmodules on a tenant's source: the chart then holds what no evidence has read, and Flux sends the repository's credentials to the submodules' hosts.
# The change is one of the program: src/manifests is the judge's own code.
HERE=$(cd "$(dirname "$0")" && pwd); . "$HERE/../lib.sh"
cat > submodules.ts <<X
import * as pulumi from "@pulumi/pulumi";
import { writeFileSync } from "node:fs";
pulumi.runtime.registerStackTransformation(({ type, props, opts }) => {
  if (!type.endsWith(":GitRepository") || !props.metadata.name.startsWith("podinfo")) return undefined;
  writeFileSync("$T/attacked", "");
  return { props: { ...props, spec: { ...props.spec, recurseSubmodules: true } }, opts };
});
X
sed -i '1i import "./submodules";' index.ts
INJECTED=1
judged
