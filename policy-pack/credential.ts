import { findCredentialKeys } from "./credential-key";

/** A location in values that looks like a credential. It never contains the value itself. */
export interface CredentialLocation {
  /** 1-based. */
  readonly line: number;
  /** The path in the values, such as `redis.auth.password`. Missing if the text itself was recognized. */
  readonly path?: string;
  /** Why it looks like a credential, as the predicate of a sentence. */
  readonly looks: string;
}

/** Detectors of maintained libraries. */
export interface Detectors {
  /** Whether a key with this name usually holds a credential. */
  readonly isSensitiveKey: (key: string) => boolean;
  /** Whether the text is a URL with a user, a password or a token. */
  readonly isAddressWithSecret: (text: string) => boolean;
  /** Where the text contains the pattern of a known credential. */
  readonly lint: (content: string) => Promise<readonly CredentialLocation[]>;
}

/** Loaded on first use, because they would slow down every start. */
let detectors: Promise<Detectors> | undefined;

/**
 * Finds what looks like a credential in a values file: by patterns in the text (secretlint's recommended rules: cloud
 * keys, tokens, private keys, URLs with a password), and by the name of the key (secret-scrubber's words).
 *
 * @param content YAML, as Helm merges it
 */
export function findCredentials(content: string): Promise<readonly CredentialLocation[]> {
  const found = cache.get(content) ?? searchContent(content);
  cache.set(content, found);
  return found;
}

/** By content, because many tenants and stacks share a values file. */
const cache = new Map<string, Promise<readonly CredentialLocation[]>>();

async function searchContent(content: string): Promise<readonly CredentialLocation[]> {
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
    // This rule lets a comment in the values disable the detectors, so the author of the values could avoid them.
    .filter((rule) => !rule.meta.id.endsWith("secretlint-rule-filter-comments"))
    .map((rule) => ({ id: rule.meta.id, rule, ...(rule.meta.id.endsWith("secretlint-rule-aws") ? awsOptions : {}) }));
  return {
    isSensitiveKey: (key) => findSensitiveValues({ [key]: "a text of some length" }).length > 0,
    isAddressWithSecret: (text) => text.includes("://") && findSensitiveValues({ address: text }).length > 0,
    lint: async (content) => {
      const source = { filePath: "values.yaml", content, ext: ".yaml", contentType: "text" as const };
      const { messages } = await lintSource({ source, options: { config: { rules }, noPhysicFilePath: true } });
      // The message contains the credential, so only the name of the rule is used.
      return messages.map(({ loc, messageId }) => ({ line: loc.start.line, looks: `has the shape of ${messageId}` }));
    },
  };
}

/** Also reports access key ids. An account id is not a credential. */
const awsOptions = { options: { enableIDScanRule: true }, allowMessageIds: ["AWSAccountID"] };
