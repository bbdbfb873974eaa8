import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from "yaml";
import type { CredentialLocation, Detectors } from "./credential";

/**
 * Last words of keys that describe a credential (its name, location or use) but do not hold one. For example, `tokenTtl`
 * is the lifetime of a token.
 */
const describingWords = new Set(
  (
    "name names ref refs file files path paths dir mount volume enabled enable disabled create required type kind " +
    "mode method methods policy provider backend class driver engine algorithm format version url uri urls endpoint " +
    "host port issuer audience scope scopes header namespace label labels annotation annotations selector length size " +
    "limit count ttl expiry expiration lifetime duration interval timeout seconds minutes hours days age rotation " +
    "prefix suffix field env var variable realm domain group groups role roles user users username strategy level"
  ).split(" "),
);

/** Keys such as `existingSecret` and `imagePullSecrets` hold names of Secrets, wherever the word appears in the key. */
const naming = /existing|pullsecret|fromsecret|secretref|secretkeyref|tlssecret/i;

/** Keys whose value is a map of names to credentials. */
const collection = /^(?:secrets|passwords|tokens|credentials|secretdata|stringdata)$/i;

/** Values that are replaced before use. */
const placeholder = /^(?:\$\{[^}]*\}|\$\([^)]*\)|\{\{.*\}\}|<[^>]*>|ref\+[a-z]+:\/\/\S+|vault:\S+)$/;

/** `--password=x`, `TOKEN=x` or `password: x` in an argument, or in a line of a file embedded in the values. */
const assignment = /^\s*-{0,2}["']?([\w.-]+)["']?\s*[=:]\s*(\S.*)$/;

/** The maximum depth of the search, because an alias can contain itself. */
const maxDepth = 64;

/** Finds keys that name a credential and whose value is not only a reference to one. */
export function findCredentialKeys(content: string, detectors: Detectors): CredentialLocation[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(content, { lineCounter: lines, uniqueKeys: false, logLevel: "silent" });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => new KeySearch(document, lines, detectors).locations);
}

class KeySearch {
  readonly locations: CredentialLocation[] = [];

  constructor(
    readonly document: Document.Parsed,
    readonly lines: LineCounter,
    readonly detectors: Detectors,
  ) {
    const [error] = document.errors;
    if (error === undefined) this.#search(document.contents, [], false);
    else this.locations.push({ line: error.linePos?.[0].line ?? 1, looks: "is not YAML, so it cannot be searched" });
  }

  /** @param isCredential whether the parent key names a credential */
  #search(node: unknown, path: readonly string[], isCredential: boolean): void {
    if (path.length > maxDepth) return;
    if (isAlias(node)) this.#search(node.resolve(this.document), path, isCredential);
    else if (isScalar(node)) this.#scalar(node.value, node, path, isCredential);
    else if (isSeq(node))
      node.items.forEach((item, index) => this.#search(item, [...path, String(index)], isCredential));
    else if (isMap(node)) {
      const sibling = node.get("name") ?? node.get("key");
      const variable = typeof sibling === "string" ? sibling : "";
      for (const { key, value } of node.items) {
        const name = String(isScalar(key) ? key.value : key);
        // In `{name, value}`, as used for environment variables, the name is a sibling of the value.
        const namedBySibling = name === "value" && variable !== "" && this.#namesCredential(variable);
        const inCollection =
          collection.test(path.at(-1) ?? "") && !describingWords.has(lastWord(name)) && name !== "key";
        const holds = !isMap(value) && (namedBySibling || inCollection || this.#namesCredential(name));
        this.#search(value, [...path, name], holds);
      }
    }
  }

  #scalar(value: unknown, node: Node, path: readonly string[], isCredential: boolean): void {
    if (typeof value !== "string" && typeof value !== "number") return;
    const text = String(value);
    if (text.trim() === "" || placeholder.test(text.trim())) return;
    if (isCredential) this.#found(node, path, "has a key that names a credential");
    else if (isEncodedPrivateKey(text)) this.#found(node, path, "is a private key in base64");
    else if (this.detectors.isAddressWithSecret(text)) this.#found(node, path, "is an address with a credential in it");
    else if (text.split("\n").some((line) => this.#assignsCredential(line))) {
      this.#found(node, path, "gives a value to something that is named like a credential");
    }
  }

  #assignsCredential(line: string): boolean {
    const [, name = "", value = ""] = assignment.exec(line) ?? [];
    const bare = value.trim().replace(/^(["'])(.*)\1$/, "$2");
    return this.#namesCredential(name) && bare !== "" && !placeholder.test(bare) && !/^(?:true|false|null)$/.test(bare);
  }

  #namesCredential(name: string): boolean {
    if (naming.test(name.replace(/[^a-z]/gi, "")) || describingWords.has(lastWord(name))) return false;
    // `passwordKey` is the name of a key in a Secret; `secretKey`, `apiKey` and `privateKey` are credentials.
    if (/(?:password|token|passwd)(?:secret)?[-_.]?key$/i.test(name)) return false;
    // In a kubeconfig the private key is in `client-key-data`.
    if (/(?:access|private|encryption|signing|secret)[-_]?key$|key-?data$|passphrase$|credentials?$/i.test(name))
      return true;
    return this.detectors.isSensitiveKey(withoutAuthor(name)) && !/tokens$/i.test(name);
  }

  #found(node: Node, path: readonly string[], looks: string): void {
    const line = node.range == null ? 1 : this.lines.linePos(node.range[0]).line;
    this.locations.push({ line, path: path.join("."), looks });
  }
}

/** A PEM private key in base64, as Secrets and kubeconfigs contain it. */
function isEncodedPrivateKey(text: string): boolean {
  return text.startsWith("LS0tLS1CRUdJTi") && Buffer.from(text, "base64").includes("PRIVATE KEY-----");
}

/** `authors`, `authority`, `authorizedKeys` and `authenticated` contain `auth` but are not credentials. */
function withoutAuthor(name: string): string {
  return name.replace(/author(?!ization)|authenticated/gi, "");
}

function lastWord(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").split(/[^A-Za-z0-9]+/);
  return (words.at(-1) ?? "").toLowerCase();
}
