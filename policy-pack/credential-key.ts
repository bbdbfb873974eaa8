import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from "yaml";
import type { CredentialPlace, Detectors } from "./credential";

/**
 * Last words of keys that only tell of a credential: its name, where it is kept, how it is used. `passwordSecretKey`
 * names a key in a Secret, `tokenTtl` says how long a token lives.
 */
const tellingWords = new Set(
  (
    "name names ref refs file files path paths dir mount volume enabled enable disabled create required type kind " +
    "mode method methods policy provider backend class driver engine algorithm format version url uri urls endpoint " +
    "host port issuer audience scope scopes header namespace label labels annotation annotations selector length size " +
    "limit count ttl expiry expiration lifetime duration interval timeout seconds minutes hours days age rotation " +
    "prefix suffix field env var variable realm domain group groups role roles user users username strategy level"
  ).split(" "),
);

/** `existingSecret`, `imagePullSecrets` and their like hold names of Secrets, wherever the chart puts the word. */
const naming = /existing|pullsecret|fromsecret|secretref|secretkeyref|tlssecret/i;

/** Keys over a map of credentials, each under a name of its own. */
const collection = /^(?:secrets|passwords|tokens|credentials|secretdata|stringdata)$/i;

/** What something else replaces before it is used. */
const placeholder = /^(?:\$\{[^}]*\}|\$\([^)]*\)|\{\{.*\}\}|<[^>]*>|ref\+[a-z]+:\/\/\S+|vault:\S+)$/;

/** `--password=x`, `TOKEN=x`, `password: x` in an argument, or in a line of a file that the values hold. */
const assignment = /^\s*-{0,2}["']?([\w.-]+)["']?\s*[=:]\s*(\S.*)$/;

/** Most levels that values are searched to: an alias may hold itself. */
const deepest = 64;

/** Places whose key says that there is a credential, and whose value is one and no reference to one. */
export function findCredentialKeys(content: string, detectors: Detectors): CredentialPlace[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(content, { lineCounter: lines, uniqueKeys: false, logLevel: "silent" });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => new KeySearch(document, lines, detectors).places);
}

class KeySearch {
  readonly places: CredentialPlace[] = [];

  constructor(
    readonly document: Document.Parsed,
    readonly lines: LineCounter,
    readonly detectors: Detectors,
  ) {
    const [error] = document.errors;
    if (error === undefined) this.#search(document.contents, [], false);
    else this.places.push({ line: error.linePos?.[0].line ?? 1, looks: "is not YAML, so it cannot be searched" });
  }

  /** @param isCredential whether the key above says that what stands here is a credential */
  #search(node: unknown, path: readonly string[], isCredential: boolean): void {
    if (path.length > deepest) return;
    if (isAlias(node)) this.#search(node.resolve(this.document), path, isCredential);
    else if (isScalar(node)) this.#scalar(node.value, node, path, isCredential);
    else if (isSeq(node))
      node.items.forEach((item, index) => this.#search(item, [...path, String(index)], isCredential));
    else if (isMap(node)) {
      const beside = node.get("name") ?? node.get("key");
      const variable = typeof beside === "string" ? beside : "";
      for (const { key, value } of node.items) {
        const name = String(isScalar(key) ? key.value : key);
        // In a list of `{name, value}`, as of environment variables, the name stands beside the value.
        const namedBeside = name === "value" && variable !== "" && this.#namesCredential(variable);
        const inCollection = collection.test(path.at(-1) ?? "") && !tellingWords.has(lastWord(name)) && name !== "key";
        const holds = !isMap(value) && (namedBeside || inCollection || this.#namesCredential(name));
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
    if (naming.test(name.replace(/[^a-z]/gi, "")) || tellingWords.has(lastWord(name))) return false;
    // `passwordKey` names a key in a Secret; `secretKey`, `apiKey` and `privateKey` are credentials themselves.
    if (/(?:password|token|passwd)(?:secret)?[-_.]?key$/i.test(name)) return false;
    // A kubeconfig has its private key under `client-key-data`.
    if (/(?:access|private|encryption|signing|secret)[-_]?key$|key-?data$|passphrase$|credentials?$/i.test(name))
      return true;
    return this.detectors.isSensitiveKey(withoutAuthor(name)) && !/tokens$/i.test(name);
  }

  #found(node: Node, path: readonly string[], looks: string): void {
    const line = node.range == null ? 1 : this.lines.linePos(node.range[0]).line;
    this.places.push({ line, path: path.join("."), looks });
  }
}

/** As Kubernetes keeps one in Secrets and kubeconfigs: `-----BEGIN ... PRIVATE KEY-----`, encoded once more. */
function isEncodedPrivateKey(text: string): boolean {
  return text.startsWith("LS0tLS1CRUdJTi") && Buffer.from(text, "base64").includes("PRIVATE KEY-----");
}

/** `authors`, `authority`, `authorizedKeys` and `authenticated` have `auth` in them and are no credentials. */
function withoutAuthor(name: string): string {
  return name.replace(/author(?!ization)|authenticated/gi, "");
}

function lastWord(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").split(/[^A-Za-z0-9]+/);
  return (words.at(-1) ?? "").toLowerCase();
}
