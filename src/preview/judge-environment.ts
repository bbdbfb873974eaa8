/** The environment in which a pull request is judged: nothing in it opens a cluster or a repository. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Variables of every program: where it finds others, the language, temporary files, proxies and certificates. */
const harmless =
  /^(?:PATH|LANG|LC_\w+|TZ|TMPDIR|TMP|TEMP|SystemRoot|ComSpec|PATHEXT|PULUMI|PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION|PULUMI_SKIP_UPDATE_CHECK|(?:https?|no|all)_proxy|HTTPS?_PROXY|NO_PROXY|ALL_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|GIT_SSL_CAINFO|npm_config_registry)$/;

/**
 * A home of its own, so that no settings and credentials of this machine are found: no kubeconfig, tokens, SSH agent, Pulumi
 * login, Docker login or credential helper.
 *
 * @param scratch an existing folder for the home and the engine's state
 * @param keep names of further variables, such as the read-only credentials for the applications
 */
export function judgeEnvironment(
  scratch: string,
  env: NodeJS.ProcessEnv,
  keep: readonly string[] = [],
): Record<string, string> {
  const home = join(scratch, "home");
  const pulumiHome = join(home, ".pulumi");
  const state = join(scratch, "state");
  for (const folder of [pulumiHome, state]) mkdirSync(folder, { recursive: true });
  const plugins = join(env.PULUMI_HOME ?? join(homedir(), ".pulumi"), "plugins");
  if (existsSync(plugins)) symlinkSync(plugins, join(pulumiHome, "plugins"), "junction");
  const inherited = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (harmless.test(entry[0]) || keep.includes(entry[0])),
  );
  return {
    HOME: home,
    USERPROFILE: home,
    // npm's cache holds what registries publish, each file by its hash.
    npm_config_cache: env.npm_config_cache ?? join(homedir(), ".npm"),
    PULUMI_HOME: pulumiHome,
    PULUMI_BACKEND_URL: pathToFileURL(state).href,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(24).toString("base64url"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // The policies read Git and the registry themselves.
    CI: "true",
    NO_COLOR: "1",
    ...Object.fromEntries(inherited),
  };
}
