import type { Tenant } from "../../src/config/stack-config";

/** A tenant that says just what a test is about. */
export function makeTenant(parts: Partial<Tenant> = {}): Tenant {
  return {
    name: "app",
    namespace: "app",
    repository: "https://git.example.com/team/app",
    chart: { kind: "git", path: "./charts/app" },
    branch: "master",
    images: ["registry.example.com/team/app"],
    furtherImages: [],
    admission: "audit",
    insecureRegistry: true,
    tag: "1.2.3",
    prefix: { git: "", chart: "", image: "" },
    releasedFrom: ["master"],
    policy: { range: ">=1.0.0", automation: "auto", deny: [] },
    values: [],
    team: [],
    quota: {},
    limits: { default: {}, defaultRequest: {} },
    network: { ingress: [], egress: [] },
    podSecurity: "restricted",
    driftDetection: { ignore: [] },
    secrets: [],
    line: 1,
    ...parts,
  };
}
