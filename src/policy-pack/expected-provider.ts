import type { EngineConfig } from "../config/engine-config";
import type { StackConfig } from "../config/stack-config";
import { providerArgs } from "../manifests/provider-args";
import { differences } from "./difference";

/** A resource's inputs, by name. */
export type Inputs = Readonly<Record<string, unknown>>;

/** Inputs that the SDK takes from the environment where the program gives none (`provider.js` of @pulumi/kubernetes). */
const fromEnvironment: Readonly<Record<string, string>> = {
  deleteUnreachable: "PULUMI_K8S_DELETE_UNREACHABLE",
  enableConfigMapMutable: "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
  enablePatchForce: "PULUMI_K8S_ENABLE_PATCH_FORCE",
  enableSecretMutable: "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
  enableServerSideApply: "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
  skipUpdateUnreachable: "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
  suppressDeprecationWarnings: "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS",
  suppressHelmHookWarnings: "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS",
  upsertExistingObjects: "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
};

/**
 * The inputs of the one Kubernetes provider of a stack. A kubeconfig that comes from another stack is unknown here, and
 * missing.
 *
 * @param environment the pack's own, which the engine gives to the program as well
 */
export function expectedProvider(config: StackConfig, engine: EngineConfig, environment: NodeJS.ProcessEnv): Inputs {
  const isElsewhere = config.cluster.kubeconfigFrom !== undefined;
  const args = providerArgs(config, {
    kubeconfig: isElsewhere ? undefined : engine["kubernetes:kubeconfig"],
    context: engine["kubernetes:context"],
  });
  const inherited = Object.entries(fromEnvironment).map(([input, variable]) => [input, flag(environment[variable])]);
  const inputs: Inputs = {
    ...(isElsewhere || environment.KUBECONFIG === "" ? {} : { kubeconfig: environment.KUBECONFIG }),
    ...(Object.fromEntries(inherited) as Inputs),
    ...Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined)),
  };
  // The engine gives a provider only texts.
  const texts = Object.entries(inputs).map(([input, value]) => [input, value === true ? "true" : value]);
  return Object.fromEntries(texts.filter(([, value]) => value !== undefined)) as Inputs;
}

/** The SDK's reading of a variable. */
function flag(text: string | undefined): string | undefined {
  if (text !== undefined && /^(?:1|t|T|true|TRUE|True)$/.test(text)) return "true";
  return text !== undefined && /^(?:0|f|F|false|FALSE|False)$/.test(text) ? "false" : undefined;
}

/** How a provider differs from the expected one, one sentence each. A kubeconfig is never shown. */
export function providerFaults(inputs: Inputs, expected: Inputs, { cluster }: StackConfig): string[] {
  const isOther = cluster.kubeconfigFrom === undefined && inputs.kubeconfig !== expected.kubeconfig;
  return [
    ...(isOther ? ["the provider's kubeconfig is another than the stack's config yields"] : []),
    ...differences(compared(inputs), compared(expected)).map((fault) => `the provider's ${fault}`),
  ];
}

/** The SDK states its own version. */
function compared(inputs: Inputs): Inputs {
  const names = Object.keys(inputs).filter((name) => name !== "version" && name !== "kubeconfig");
  return Object.fromEntries(names.map((name) => [name, inputs[name]]));
}
