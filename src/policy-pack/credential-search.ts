import {
  Composer,
  Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { isGenericName, nameKind, type NameKind, wordsOf } from "./credential-name";
import {
  assignmentIn,
  decodedBytes,
  decodedText,
  formatIn,
  isArgumentOf,
  isOptionOf,
  isPrivateKey,
  type Predicate,
} from "./credential-text";
import {
  isCredential,
  isRandomToken,
  isReference,
  type Reference,
  isPublicKey,
  isUserWithPassword,
  userWithPassword,
} from "./credential-value";

/** One value, as a chart gets it, and where it is. */
export interface SearchedScalar {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** Where it is in the text of the file: the first character, and the one after the last. */
  readonly range: readonly [number, number];
  /** Decoded: without quotes, escapes and tags. */
  readonly text: string;
  /** Other forms of the text that detectors should see, such as what it holds in base64. */
  readonly decoded: readonly string[];
  /** Why the value looks like a credential. */
  readonly looks?: Predicate;
}

/** What was found in one file. */
export interface Search {
  readonly scalars: readonly SearchedScalar[];
  /** Why the rest of the file cannot be searched. */
  readonly unsearched?: { readonly line: number; readonly looks: Predicate };
}

/** Where the search is, and what the names above say. */
interface Place {
  readonly path: readonly (string | number)[];
  readonly name: string;
  readonly kind: NameKind;
  /** Whether the surrounding map only refers to a Secret. */
  readonly reference?: Reference;
  /** Whether an entry of this map or list is a user with a password. */
  readonly isBasicAuth: boolean;
}

const top: Place = { path: [], name: "", kind: "none", isBasicAuth: false };

const deepest = 64;
const mostNodes = 200_000;
const mostCharacters = 8 * 1024 * 1024;
const mostNested = 4;
/** Larger texts are searched line by line, unless they are JSON. */
const largestNested = 256 * 1024;

/** The search ends here: the rest of the values was not read. */
class Unsearched extends Error {
  constructor(
    readonly looks: Predicate,
    readonly node?: unknown,
  ) {
    super(looks);
  }
}

/** What one file, with all texts in it, may cost. */
interface Budget {
  nodes: number;
  characters: number;
}

/** Searches the values of a file by their names, their form and what they decode to. */
export function searchValues(content: string): Search {
  return new ValuesSearch(content, { nodes: mostNodes, characters: mostCharacters }, 0).run();
}

class ValuesSearch {
  readonly #scalars: SearchedScalar[] = [];
  readonly #lines = new LineCounter();
  readonly #anchors = new Map<string, Node>();
  /** Under which names an anchor's map or list was searched, so that aliases do not multiply the work. */
  readonly #searched = new Map<Node, Set<string>>();

  constructor(
    readonly content: string,
    readonly budget: Budget,
    readonly nesting: number,
  ) {}

  run(): Search {
    try {
      for (const document of this.#documents()) {
        this.#anchors.clear();
        this.#node(document.contents, top, false);
      }
      return { scalars: this.#scalars };
    } catch (error) {
      if (error instanceof Unsearched) {
        const line = isNode(error.node) ? this.#lineOf(error.node) : 1;
        return { scalars: this.#scalars, unsearched: { line, looks: error.looks } };
      }
      if (error instanceof SyntaxProblem)
        return { scalars: [], unsearched: { line: error.line, looks: error.message } };
      throw error;
    }
  }

  #documents(): Document[] {
    if (/[[{](?:\s{0,20}[[{]){200}/.test(this.content)) throw new Unsearched(tooDeep);
    if ((this.content.match(/[,\n[{]/g)?.length ?? 0) > mostNodes) throw new Unsearched(tooMany);
    const json = this.nesting > 0 ? parseJson(this.content) : undefined;
    let documents: Document.Parsed[];
    try {
      if (json !== undefined) return [new Document(json, { aliasDuplicateObjects: false })];
      const tokens = new Parser(this.#lines.addNewLine).parse(this.content);
      // The library compares each key of a map with every other, which takes too long in a large one.
      documents = [
        ...new Composer({ uniqueKeys: false, logLevel: "silent" }).compose(tokens, true, this.content.length),
      ];
    } catch {
      throw new Unsearched(tooDeep);
    }
    for (const { errors } of documents) {
      const [error] = errors;
      if (error === undefined) continue;
      if (error.message.startsWith("Maximum call stack")) throw new Unsearched(tooDeep);
      throw new SyntaxProblem(this.#lines.linePos(error.pos[0]).line);
    }
    const isText = documents.some(({ contents }) => contents !== null && !isMap(contents) && !isSeq(contents));
    if (this.nesting > 0 && isText) throw new SyntaxProblem(1);
    return documents;
  }

  #node(node: unknown, place: Place, isAliased: boolean): void {
    this.budget.nodes -= 1;
    if (this.budget.nodes < 0) throw new Unsearched(tooMany, node);
    if (place.path.length > deepest) throw new Unsearched(tooDeep, node);
    if (isAlias(node)) {
      const anchor = this.#anchors.get(node.source);
      if (anchor !== undefined) this.#node(anchor, place, true);
      return;
    }
    if (!isNode(node)) return;
    if (node.anchor !== undefined && !isAliased) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) this.#scalar(node, place);
    else if (node.anchor === undefined || this.#isNew(node, place)) {
      if (isMap(node)) this.#map(node, place, isAliased);
      else if (isSeq(node)) this.#list(node, place, isAliased);
    }
  }

  #isNew(node: Node, { kind, reference, isBasicAuth }: Place): boolean {
    const places = this.#searched.get(node) ?? new Set();
    this.#searched.set(node, places);
    const key = `${kind} ${reference ?? ""} ${isBasicAuth}`;
    if (places.has(key)) return false;
    places.add(key);
    return true;
  }

  #map(map: YAMLMap, place: Place, isAliased: boolean): void {
    const texts = new Map<string, string>();
    for (const pair of map.items) texts.set(this.#keyOf(pair), this.#textOf(pair.value));
    const isBeside = map.items.some(
      (pair) => isReferenceKey(this.#keyOf(pair)) && (isMap(pair.value) || this.#textOf(pair.value) !== ""),
    );
    const isAround =
      place.reference === "around" ||
      refersTo(place.name) ||
      (place.name === "keys" && nameKind(String(place.path.at(-2) ?? "")) === "secret");
    const reference = isAround ? "around" : isBeside ? "beside" : undefined;
    const variable = ["name", "key", "variable", "envName", "parameter"].map((key) => texts.get(key)).find(Boolean);
    const contents = place.isBasicAuth && place.name === "users" ? "password" : contentsKind(place.name);
    const isSecret = texts.get("kind") === "Secret" && texts.has("apiVersion");
    for (const pair of map.items) {
      const key = this.#keyOf(pair);
      if (isNode(pair.key) && !isScalar(pair.key))
        this.#node(pair.key, { ...place, path: [...place.path, "?"] }, isAliased);
      else if (isScalar(pair.key)) this.#keyText(pair.key, key, place);
      if (key === "<<") {
        this.#node(pair.value, place, isAliased);
        continue;
      }
      const path = [...place.path, key];
      const isBasicAuth = place.isBasicAuth || basicAuth.test(key);
      if (isSecret && (key === "data" || key === "stringData")) {
        this.#node(pair.value, { ...top, path, name: "stringData", isBasicAuth: true }, isAliased);
        continue;
      }
      // In `{name, value}`, as environment variables have it, the name is a sibling; `token: {value}` has it above.
      const name = !isGenericName(key) ? key : (variable ?? (place.name === "" ? key : place.name));
      // In `jwt: {secret: …}`, the map above says whose secret it is.
      const isOwned = ownsSecret.test(place.name) && /^(?:secret|key)$/i.test(name) && !texts.has("name");
      const own = nameKind(isOwned ? `${place.name} ${name}` : name);
      const isHeld = own === "none" || (own === "hint" && contents === "password");
      const kind = texts.has("kty") ? jsonWebKeyKind(key) : isHeld ? (contents ?? own) : own;
      this.#node(pair.value, { path, name, kind, reference, isBasicAuth }, isAliased);
    }
  }

  #list(list: YAMLSeq, place: Place, isAliased: boolean): void {
    const texts = list.items.map((item) => this.#textOf(item));
    const program = texts[0]?.split("/").at(-1) ?? "";
    const reference = refersTo(place.name) ? "around" : place.reference;
    for (const [index, item] of list.items.entries()) {
      const [before = "", text = ""] = [texts[index - 1], texts[index]];
      const path = [...place.path, index];
      const isValue = before.startsWith("-") && isArgumentOf(before, text);
      const isOption = index > 0 && (isOptionOf(program, before, text) || isOptionOf(program, text, ""));
      if ((isValue || isOption) && isScalar(item))
        this.#add(item, path, text, "is an argument that is named like a credential");
      else this.#node(item, { ...place, path, reference, ...(isMap(item) && { kind: "none" }) }, isAliased);
    }
  }

  #scalar(node: Scalar, place: Place): void {
    const text = this.#textOf(node);
    if (text === "" || typeof node.value === "boolean") return;
    this.#add(node, place.path, text, this.#judge(text, place, isBinary(node)));
  }

  /** A key is a value of somebody's map: it is searched for formats, not by a name. */
  #keyText(node: Scalar, key: string, place: Place): void {
    if (key.length >= 16) this.#add(node, [...place.path, "?"], key, formatIn(key));
  }

  #add(node: Scalar, path: readonly (string | number)[], text: string, looks: Predicate | undefined): void {
    const decoded = decodedText(text);
    const isRaw = node.type === "PLAIN" && node.source === text && !isBinary(node);
    const [start = 0, , end = start] = node.range ?? [];
    this.#scalars.push({
      path: shownPath(path),
      line: this.#lineOf(node),
      range: [start, end],
      text,
      decoded: [...(isRaw ? [] : [text]), ...(decoded === undefined ? [] : [decoded])],
      ...(looks !== undefined && { looks }),
    });
  }

  #judge(text: string, place: Place, isDecoded = false): Predicate | undefined {
    this.budget.characters -= text.length;
    if (this.budget.characters < 0) throw new Unsearched("has too much text, so it cannot be searched");
    const { name, kind, reference } = place;
    const isText = text.trim().includes("\n");
    const format = formatIn(text);
    if (format !== undefined) return format;
    if (isText && /^\s*\$ANSIBLE_VAULT;/.test(text)) return undefined;
    const isUser = place.isBasicAuth || ((kind === "secret" || kind === "hint") && userWithPassword.test(name));
    if (isUser && isUserWithPassword(text)) return "is a user with a password";
    if (isWholeReference(text)) return undefined;
    const bytes = decodedBytes(text);
    if (bytes !== undefined && isPrivateKey(bytes)) return "is a private key in base64";
    const decoded = decodedText(text);
    // Certificates and public keys in base64 look random.
    if (decoded !== undefined && (isPublicKey(decoded) || isWholeReference(decoded.trim()))) return undefined;
    if (!isText && isCredential(text, name, kind, reference)) {
      return kind === "none" || kind === "description"
        ? "looks like a random token"
        : "has a key that names a credential";
    }
    if (decoded !== undefined && !isDecoded) {
      const inner = this.#judge(decoded, place, true);
      if (inner !== undefined) return `${inner}, in base64`;
    }
    const nested = this.#nested(text);
    if (nested !== undefined) return nested.looks;
    return (/[=:\s,<]/.test(text) ? assignmentIn(text) : undefined) ?? this.#wholeText(text, place);
  }

  /** What a file in the text holds: YAML or JSON. Nothing if the text is neither. */
  #nested(text: string): { readonly looks?: Predicate } | undefined {
    const trimmed = text.trim();
    if (trimmed.length > largestNested && parseJson(trimmed) === undefined) return undefined;
    const isYaml = trimmed.includes("\n") && /^[ \t]*(?:- )?["']?[\w./-]+["']?:(?:\s|$)/m.test(trimmed);
    if (!isYaml && !/^(?:\[|\{(?!\{))/.test(trimmed)) return undefined;
    if (this.nesting >= mostNested) throw new Unsearched(tooDeep);
    const { scalars, unsearched } = new ValuesSearch(text, this.budget, this.nesting + 1).run();
    if (unsearched !== undefined) {
      if (unsearched.looks === notYaml) return undefined;
      throw new Unsearched(unsearched.looks);
    }
    const found = scalars.find(({ looks }) => looks !== undefined);
    return found === undefined ? {} : { looks: `holds text in which \`${found.path}\` ${found.looks ?? ""}` };
  }

  /** A credential of several lines, as some generators write it. */
  #wholeText(text: string, { name, kind, reference }: Place): Predicate | undefined {
    const lines = text.trim().split("\n");
    if (lines.length === 1 || (kind !== "password" && kind !== "token")) return undefined;
    const isOne = lines.every((line) => !/\s/.test(line.trim())) && isCredential(lines[0] ?? "", name, kind, reference);
    return isOne ? "has a key that names a credential" : undefined;
  }

  #keyOf({ key }: Pair): string {
    return isScalar(key) || isAlias(key) ? this.#textOf(key) : "";
  }

  /** The text of a scalar as a chart gets it; empty for a map, a list and null. */
  #textOf(node: unknown): string {
    const scalar = isAlias(node) ? this.#anchors.get(node.source) : node;
    if (!isScalar(scalar)) return "";
    if (scalar.anchor !== undefined && scalar === node) this.#anchors.set(scalar.anchor, scalar);
    const { value, source } = scalar;
    if (isBinary(scalar)) return Buffer.from(String(source ?? value), "base64").toString("utf8");
    if (typeof value === "string") return value;
    return typeof value === "number" || typeof value === "bigint" ? (source ?? String(value)) : "";
  }

  #lineOf(node: Node): number {
    return node.range == null || this.nesting > 0 ? 1 : this.#lines.linePos(node.range[0]).line;
  }
}

const tooDeep = "is nested too deeply, so it cannot be searched";
const tooMany = "has too many values, so it cannot be searched";
const notYaml = "is not YAML, so it cannot be searched";

class SyntaxProblem extends Error {
  constructor(readonly line: number) {
    super(notYaml);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isBinary(node: Scalar): boolean {
  return node.tag === "tag:yaml.org,2002:binary";
}

/**
 * Names of maps whose texts are names or labels: `secretKeyRef`, `valueFrom`, `existingSecret`, `vaultSecrets`,
 * `secretKeys`, `attributes`, `messages`.
 */
function refersTo(name: string): boolean {
  const words = wordsOf(name);
  const [before = "", last = ""] = words.slice(-2);
  if (
    /^(?:refs?|from|selector|mapping|map|attributes|fields|columns|labels|messages|translations|i18n)$/.test(
      words.at(-1) ?? "",
    )
  )
    return true;
  return (
    words.includes("existing") ||
    words.includes("from") ||
    /^(?:external|vault|secret)(?:secrets?|keys?)$/.test(before + last)
  );
}

/** In a JSON web key, `d` and `k` are private; the others look random. */
function jsonWebKeyKind(key: string): NameKind {
  return key === "d" || key === "k" ? "password" : "harmless";
}

/** Keys beside which the texts of a map are names in a Secret. */
function isReferenceKey(key: string): boolean {
  return /^(?:secretName|existingSecret\w*|secretRef|remoteRef|secretKeyRef|secretStoreRef|objectName)$/i.test(key);
}

/** What a map of names to credentials says about its entries: `passwords: {ann: …}`. */
function contentsKind(name: string): NameKind | undefined {
  if (name === "stringData") return "token";
  const last = wordsOf(name).at(-1) ?? "";
  if (/^(?:passwords|passwds)$/.test(last)) return "password";
  if (last === "tokens") return "token";
  if (nameKind(name) === "token") return "hint";
  return nameKind(name) === "secret" || /^(?:secret(?:Data|Contents|Env|Envs)|secureJsonData)$/i.test(name)
    ? "hint"
    : undefined;
}

const basicAuth = /basic[-_]?auth|htpasswd/i;

/** A text with blanks or assignments may hold a credential beside a reference. */
function isWholeReference(text: string): boolean {
  return (
    text.length > 15 &&
    (!/[\s=]/.test(text) || /^(?:v=DKIM1\b|SCRAM-SHA-\d|\$\w+\$\S+$)/.test(text)) &&
    isReference(text)
  );
}

/** Names of maps whose `secret` or `key` is the credential itself. */
const ownsSecret = /(?:jwt|cookie|session|signing|webhook|encryption|csrf|hmac|client|shared|fernet|license|api)$/i;

/** `users[0].password`. */
function shownPath(path: Place["path"]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${shownKey(part)}`)).join("");
  return text.replace(/^\./, "");
}

/** A key in a path. One that is a token itself is not shown. */
function shownKey(key: string): string {
  if (key.length <= 100 && !isRandomToken(key) && !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(key)) return key;
  return "…";
}
