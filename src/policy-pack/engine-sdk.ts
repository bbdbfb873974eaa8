/** The engine's packages, loaded when they are needed: that takes half a second, and `authority` judges without the engine. */
import { createRequire } from "node:module";

const load = createRequire(__filename);

export const policySdk = () => load("@pulumi/policy") as typeof import("@pulumi/policy");
export const pulumiSdk = () => load("@pulumi/pulumi") as typeof import("@pulumi/pulumi");
