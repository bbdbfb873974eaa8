import { findCredentialKeys } from "./credential-key";

/** A place in values that looks like a credential. It never holds the value. */
export interface CredentialPlace {
  /** 1-based. */
  readonly line: number;
  /** Where in the values, such as `redis.auth.password`; nothing where the text itself gives it away. */
  readonly path?: string;
  /** What it looks like, as a part of a sentence. */
  readonly looks: string;
}

/** What the maintained detectors tell. */
export interface Detectors {
  /** Whether a key of this name usually holds a credential. */
  readonly isSensitiveKey: (key: string) => boolean;
  /** Whether the text is an address with a user, a password or a token in it. */
  readonly isAddressWithSecret: (text: string) => boolean;
  /** Where the text has the shape of a known credential. */
  readonly lint: (content: string) => Promise<readonly CredentialPlace[]>;
}

/** Loaded when values are judged for the first time: they would slow down every start. */
let detectors: Promise<Detectors> | undefined;

/**
 * Places in a values file that look like credentials: by the shape of the text (secretlint's recommended rules: cloud
 * keys, tokens, private keys, addresses with a password), and by the name of the key (secret-scrubber's words).
 *
 * @param content YAML, as Helm merges it
 */
export function findCredentials(content: string): Promise<readonly CredentialPlace[]> {
  const known = found.get(content);
  if (known !== undefined) return known;
  const places = searchContent(content);
  found.set(content, places);
  return places;
}

/** By content: many tenants share a values file, and every stack has the tenants' common ones. */
const found = new Map<string, Promise<readonly CredentialPlace[]>>();

async function searchContent(content: string): Promise<readonly CredentialPlace[]> {
  const loaded = await (detectors ??= loadDetectors());
  const byText = await loaded.lint(content);
  const lines = new Set(byText.map(({ line }) => line));
  return [...byText, ...findCredentialKeys(content, loaded).filter(({ line }) => !lines.has(line))].sort(
    (one, other) => one.line - other.line,
  );
}

async function loadDetectors(): Promise<Detectors> {
  const [{ lintSource }, preset, { findSensitiveValues }] = await Promise.all([
    import("@secretlint/core"),
    import("@secretlint/secretlint-rule-preset-recommend"),
    import("@zapier/secret-scrubber"),
  ]);
  const rules = preset.rules
    // By that rule a comment in the values would switch the detector off: whoever writes the values is judged by it.
    .filter((rule) => !rule.meta.id.endsWith("secretlint-rule-filter-comments"))
    .map((rule) => ({ id: rule.meta.id, rule, ...(rule.meta.id.endsWith("secretlint-rule-aws") ? awsOptions : {}) }));
  return {
    isSensitiveKey: (key) => findSensitiveValues({ [key]: "a text of some length" }).length > 0,
    isAddressWithSecret: (text) => text.includes("://") && findSensitiveValues({ address: text }).length > 0,
    lint: async (content) => {
      const source = { filePath: "values.yaml", content, ext: ".yaml", contentType: "text" as const };
      const { messages } = await lintSource({ source, options: { config: { rules }, noPhysicFilePath: true } });
      // The message itself holds the value, so only what the rule is called goes on from here.
      return messages.map(({ loc, messageId }) => ({ line: loc.start.line, looks: `has the shape of ${messageId}` }));
    },
  };
}

/** The id of an access key is reported too; the number of an account is no credential. */
const awsOptions = { options: { enableIDScanRule: true }, allowMessageIds: ["AWSAccountID"] };
