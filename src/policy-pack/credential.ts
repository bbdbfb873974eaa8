import { type SearchedScalar, searchValues } from "./credential-search";

/** A location in values that looks like a credential. What it prints as never contains the value. */
export interface CredentialLocation {
  /** 1-based. */
  readonly line: number;
  /** The path in the values, such as `redis.users[0].password`. Missing in a comment, and for a file that cannot be searched. */
  readonly path?: string;
  /** Why it looks like a credential, as the predicate of a sentence. */
  readonly looks: string;
  /** The value itself, by a function, so that nothing prints it by accident. */
  readonly reveal?: () => string;
}

/** Where a text contains the format of a known credential: from the first character to the one after the last. */
interface FoundFormat {
  readonly range: readonly [start: number, end: number];
  readonly line: number;
  readonly format: string;
}

/** Searches a text for the formats of known credentials. */
type Detector = (text: string) => Promise<readonly FoundFormat[]>;

/** Loaded on first use, because it would slow down every start. */
let detector: Promise<Detector> | undefined;

/**
 * Finds what looks like a credential in a values file: by the formats of providers (secretlint's recommended rules, on
 * the text and on every decoded value), by form (private keys, addresses, headers), by the name of a key with a literal
 * value, and by randomness.
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
  const { scalars, unsearched } = searchValues(content);
  const found = new Map<SearchedScalar | number, CredentialLocation>();
  const add = (line: number, looks: string, scalar?: SearchedScalar) => {
    const at = scalar ?? line;
    if (found.has(at)) return;
    found.set(at, { line, looks, ...(scalar && { path: scalar.path, reveal: () => scalar.text }) });
  };
  for (const { line, looks, scalar } of await formatsIn(content, scalars)) add(line, looks, scalar);
  for (const scalar of scalars) if (scalar.looks !== undefined) add(scalar.line, scalar.looks, scalar);
  if (unsearched !== undefined) add(unsearched.line, unsearched.looks);
  return [...found.values()].sort((one, other) => one.line - other.line);
}

/** Searches the file, with its comments, and after it what its values decode to. */
async function formatsIn(
  content: string,
  scalars: readonly SearchedScalar[],
): Promise<{ line: number; looks: string; scalar?: SearchedScalar }[]> {
  const parts = scalars.flatMap((scalar) => scalar.decoded.map((text) => ({ scalar, text })));
  const text = [content, ...parts.map((part) => part.text)].join("\n");
  // Each of the formats has a long text with digits in it, or begins a key.
  if (!text.includes("-----BEGIN") && !(text.match(/[\w/+.-]{16,}/g) ?? []).some((token) => /\d/.test(token)))
    return [];
  const detect = await (detector ??= loadDetector());
  const ends: number[] = [];
  let length = content.length;
  for (const part of parts) ends.push((length += 1 + part.text.length));
  return (await detect(text)).map(({ range: [start, end], line, format }) => {
    const looks = `has the shape of ${format}`;
    if (start >= content.length) {
      const scalar = parts[ends.findIndex((stop) => start < stop)]?.scalar;
      return { line: scalar?.line ?? 1, looks, scalar };
    }
    // The format of some begins with the name in front of the value.
    return { line, looks, scalar: scalars.find(({ range: [first, stop] }) => first < end && end <= stop) };
  });
}

async function loadDetector(): Promise<Detector> {
  const [{ lintSource }, preset] = await Promise.all([
    import("@secretlint/core"),
    import("@secretlint/secretlint-rule-preset-recommend"),
  ]);
  const rules = preset.rules
    .filter((rule) => !leftOut.some((name) => rule.meta.id.endsWith(name)))
    .map((rule) => ({ id: rule.meta.id, rule, ...(rule.meta.id.endsWith("secretlint-rule-aws") ? awsOptions : {}) }));
  return async (content) => {
    const source = { filePath: "values.yaml", content, ext: ".yaml", contentType: "text" as const };
    const { messages } = await lintSource({ source, options: { config: { rules }, noPhysicFilePath: true } });
    // The message contains the credential, so only the name of the rule is used.
    return messages.map(({ range, loc, messageId }) => ({ range, line: loc.start.line, format: messageId }));
  };
}

/**
 * Rules that do not run. By `filter-comments`, the author of the values could switch the others off. The two about
 * addresses report placeholders too; our own search judges addresses of every scheme.
 */
const leftOut = ["rule-filter-comments", "rule-basicauth", "rule-database-connection-string"];

/** Also reports access key ids. An account id is not a credential. */
const awsOptions = { options: { enableIDScanRule: true }, allowMessageIds: ["AWSAccountID"] };
