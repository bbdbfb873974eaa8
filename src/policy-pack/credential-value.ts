import { isCredentialNoun, type NameKind, wordsOf } from "./credential-name";

/** The longest text that is judged as one value. Longer ones are texts, which are searched. */
const longestValue = 4096;

/** Values that switch something. */
const switching =
  /^(?:true|false|yes|no|on|off|y|n|null|nil|none|~|undefined|enabled?|disabled?|auto|automatic|generated?|random|required|optional|always|never|empty|todo|tbd|fixme|redacted|placeholder|[x*.•?-]{2,}|_+)$/i;

/** A text that another program replaces before it is used. */
const placeholder =
  /\$\{[^{}]{0,200}\}|\$\([^()]{0,200}\)|\$__?\w{1,20}\{[^{}]{0,200}\}|\$?\{\{[^\n]{0,300}?\}\}|#\{[^{}]{0,200}\}|%\{[^{}]{0,200}\}|%\([A-Za-z_]\w{0,60}\)s|<%[^\n]{0,200}?%>|<path:[^<>]{0,300}>|<[A-Za-z][^<>/]{0,200}>(?!.{0,300}<\/)|@@?[A-Z][A-Z0-9_]{0,60}@@?|%[A-Z][A-Z0-9_]{0,60}%|__[A-Z][A-Z0-9_]{0,60}__|\{[a-z_]{1,40}\}|\[\[[^[\]]{0,200}\]\]/g;

/** The names of stores in front of such an address. */
const store =
  "(?:>>)?(?:ref\\+)?(?:vault|op|sm|ssm|awssm|aws-?sm|asm|gcp-?sm|gsm|azkv|akeyless|keyvault|file|configtree|gcp:secretmanager|(?:aws|azure):[\\w-]+)";

/** An address of a credential in a store: a path or a variable after the name, as a literal may have the name in front. */
const storeAddress = new RegExp(
  `^${store}[:!]/{0,2}(?!/)(?:[\\w@ -]*[.#\${]|/?[\\w@ -]+/)[\\w@./#?=&\${}: -]+$|` +
    "^[a-z][a-z0-9+-]{1,40}://[\\w-]+[./:#][\\w./#:-]+$|^arn:aws[\\w-]*:|^projects/[\\w-]+/secrets/|^@Microsoft\\.KeyVault\\(|" +
    "^!(?:var|vault|ref|sub|env|secret|file)\\b|^\\w[\\w.@-]{0,100}:\\$2[abxy]?\\$",
  "i",
);

/** A variable of the environment: `env:DB_PASSWORD`. */
const variable = /^env[:!]\/{0,2}(?:[A-Z][A-Z0-9_]*|\w+[_.]\w+)$/;

/** What SOPS, eyaml, Jasypt, Spring and Ansible encrypted, and the handle of a secret of the Datadog agent. */
const encrypted =
  /^(?:ENC\[[A-Z0-9_]+,|ENC\[\w+(?:[_@/.-]\w+)+\]$|ENC\([\w+/=]{16,}\)$|\{cipher\}(?:\{[^{}]*\})*[\w+/=-]{32,}$|\$ANSIBLE_VAULT;|v=DKIM1\b)/;

/** `change-me-via-secret`, `set-in-vault`. */
const setElsewhere =
  /^[a-z]+(?:[-_ ][a-z]+){0,4}[-_ ](?:via|by|from|in|with)[-_ ](?:[a-z]+[-_ ])?(?:secrets?|vault|env|environment|pipeline)$/i;

/** Slow hashes and verifiers, with which nobody can log in. */
const slowHash =
  /^\$(?:2[abxy]?|argon2(?:id|i|d)|scrypt|y|gy|7|6|5|pbkdf2[\w-]*)\$|^(?:pbkdf2[\w-]*|argon2|bcrypt)[:$]|^SCRAM-SHA-(?:1|256|512)\$|^\{(?:SSHA512|BCRYPT|ARGON2|CRYPT)\}/i;

/** The encrypted values of a SealedSecret, with the length of an RSA key in front. */
const sealed = /^Ag[A-Za-z0-9+/]{200,}={0,2}$/;

const publicKey =
  /^(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-ssh-\S+) AAAA|^-----BEGIN (?:[A-Z0-9 ]+ )?(?:CERTIFICATE|PUBLIC KEY|PUBLIC KEY BLOCK|CERTIFICATE REQUEST|X509 CRL|PGP MESSAGE|AGE ENCRYPTED FILE|DH PARAMETERS)-----/;

/** Public keys, certificates and encrypted messages, and nothing beside them. */
export function isPublicKey(text: string): boolean {
  const value = text.trim();
  return publicKey.test(value) && !value.includes("PRIVATE KEY") && (!value.startsWith("-") || value.endsWith("-----"));
}

/** Whether the text stands for a value that is somewhere else, or for none. */
export function isReference(text: string): boolean {
  const value = text.trim();
  if (switching.test(value) || /^[^\p{L}\p{N}]{0,8}$/u.test(value)) return true;
  if (isPublicKey(value) || sealed.test(value) || encrypted.test(value)) return true;
  if (value.length > longestValue || value.startsWith("{cipher}")) return false;
  if (storeAddress.test(value) || variable.test(value) || slowHash.test(value) || setElsewhere.test(value)) return true;
  // A variable of a shell or of a configuration: `$DB_PASSWORD`, `$oidc.clientSecret`.
  if (/^\$[A-Z_][A-Z0-9_]*$/.test(value)) return true;
  if (/^(?:var|local|env|process\.env|secrets|values|config)\.[\w.]+$/i.test(value)) return true;
  if (
    /^(?:\$[a-z][\w-]*(?:[.:][\w-]+)*)+$/i.test(value) &&
    (wordsOf(value).some(isCredentialNoun) || /[._:]/.test(value))
  )
    return true;
  // A parameter of a query, and a request to replace the text: `$1`, `your-password`.
  if (/^(?:\$\d{1,2}|your[-_ ].*|<.*[-_ ]here>?)$/i.test(value)) return true;
  // The name of a variable, or a request to replace it: `DB_PASSWORD`, `REPLACE_ME`.
  if (/^[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)+$/.test(value) && isWordy(value)) return true;
  if (/^[A-Z]+$/.test(value) && isCredentialNoun(value.toLowerCase())) return true;
  if (/^\^.*\$$|\[[a-zA-Z0-9]-[a-zA-Z0-9]/.test(value)) return true;
  if (!/[${%<@[_]/.test(value)) return false;
  const literal = value.replace(placeholder, "");
  if (literal === value) return false;
  return isWordy(literal.replace(/^#|[#`{}\s]+$/g, "")) && defaultsIn(value).every(isReference);
}

/** What a placeholder becomes if nothing replaces it: `${X:-hunter2}`, `{{ .x | default "hunter2" }}`, `{{ "hunter2" }}`. */
function defaultsIn(value: string): string[] {
  return [
    ...value.matchAll(/\$\{\w[\w.]{0,100}:[-=]?([^}?$][^}]{0,200})\}/g),
    ...value.matchAll(/(?:\bdefault\s{1,4}|\{\{-?\s{0,4})["'`]([^"'`]{1,200})["'`]/g),
  ].flatMap(([all, text = ""]) => (/^\$\{(?:env|file|secret|vault|sm|ssm)\w*:/i.test(all) ? [] : [text]));
}

/** Whether the map around a value holds names only (`secretKeyRef`), or has a reference beside it (`existingSecret`). */
export type Reference = "around" | "beside";

/**
 * Whether a literal under a name of this kind is a credential. References and placeholders are not literals.
 *
 * @param name the value's own name
 * @param kind what the name says
 * @param reference how the surrounding map refers to a Secret, if it does
 */
export function isCredential(text: string, name: string, kind: NameKind, reference?: Reference): boolean {
  const value = text.trim();
  if (isReference(value)) return false;
  switch (kind) {
    case "harmless":
    case "description":
      return false;
    case "none":
      return reference === undefined && isRandomToken(value);
    case "hint":
      return reference !== "around" && isStrong(value) && !isUuid(value);
    case "secret":
      if ((reference !== undefined || /existing/i.test(name)) && isWordy(value)) return false;
      return !isNameOfObject(value) && !isMeasure(value);
    case "token":
      return !isMeasure(value) && !isLocation(value) && !namesCredential(value, name, reference);
    case "password":
      if (reference === "around" && isNameOfKey(value)) return false;
      if (reference === "beside" && isWordy(value) && wordsOf(value).some(isCredentialNoun)) return false;
      // A text of a form, such as `Password`, is a label. `password` is a password that people use.
      return !isFilePath(value) && !/^\d{1,2}$/.test(value) && !isLabel(value);
  }
}

/** Whether it names a credential that is somewhere else: an object, one of its keys, a header. */
function namesCredential(value: string, name: string, reference: Reference | undefined): boolean {
  if (reference === "around") return isNameOfKey(value);
  if (!isWordy(value)) return false;
  if (reference === "beside") return true;
  const words = wordsOf(value);
  if (words.some((word) => emphatic.has(word) || personal.has(word))) return false;
  // A label of a form: `Client secret`.
  if (/[A-Z]/.test(value) && words.every((word) => wordsOf(name).includes(word))) return true;
  if (!/[-_./: ]/.test(value)) {
    // `secretKey: secretKey` names a key of a Secret.
    return words.some(isCredentialNoun) && words.length > 1;
  }
  if (/\s/.test(value)) return false;
  const last = words.at(-1) ?? "";
  return isCredentialNoun(last) || /^(?:key|id|name)$/.test(last) || wordsOf(name).includes(last);
}

/** A key of a Secret, or a label: `db-password`, `Kennwort`, `pin`. A word alone may as well be a password. */
function isNameOfKey(value: string): boolean {
  if (!isWordy(value) || madeUp.test(value)) return false;
  return /[-_./: ]/.test(value) || wordsOf(value).some(isCredentialNoun) || (value.length <= 6 && !/\d/.test(value));
}

const madeUp = /^(?:super|very|top)secret/i;

/** A text of a form: `Password`, `Your new password`. */
function isLabel(value: string): boolean {
  return (
    /^[A-Z][a-z]+(?:\s[A-Za-z]+)*[.?!:]?$/.test(value) &&
    wordsOf(value).some(isCredentialNoun) &&
    !/^.{0,4}[A-Z].*[A-Z]/.test(value.slice(1))
  );
}

/** Words of made-up secrets, which the name of an object does not contain. */
const emphatic = new Set("super very top insecure change changeme changeit replaceme dummy fake mock".split(" "));
const personal = new Set("my some test example sample demo secure not".split(" "));

/** `shop-db`, `monitoring/basic-auth`, `vault`, `secret/data/shop`. */
function isNameOfObject(value: string): boolean {
  // Tools append a hash to a name: `shop-db-7f9k2m4tdh`.
  const [, stem] = /^([a-z][a-z0-9.-]{2,60})-(?=[a-z]*\d)[a-z0-9]{4,10}$/.exec(value) ?? [];
  if (stem !== undefined && /^[a-z.-]+$/.test(stem) && isWordy(stem)) return true;
  if (!isWordy(value) || /\s/.test(value)) return false;
  if (wordsOf(value).some((word) => emphatic.has(word)) || madeUp.test(value)) return false;
  return /[-_./:]/.test(value) || !/\d/.test(value);
}

function isMeasure(value: string): boolean {
  return (
    /^-?\d{1,9}(?:\.\d+)?\s?(?:ns|us|ms|s|m|h|d|w|[KMGT]i?B?|%)?$/.test(value) || /^(?:\d+[hms]){2,3}$/.test(value)
  );
}

function isLocation(value: string): boolean {
  if (isFilePath(value) || /^\.{0,2}\/?[\w-]+\.(?:key|crt|pem|p12|pfx|jks|txt|json|ya?ml|conf|toml|env)$/i.test(value))
    return true;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(value) || /^X-[A-Z][\w-]*$/.test(value);
}

function isFilePath(value: string): boolean {
  if (!/^(?:file:)?(?:\.{1,2}|~)?(?:\/[\w.@-]+){2,}$/.test(value)) return false;
  const parts = value.split("/").slice(1);
  return parts.filter(isWordy).length * 2 > parts.length;
}

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

function isUuid(value: string): boolean {
  return uuid.test(value);
}

/**
 * Whether the text consists of words, such as names, paths and sentences. A random text has letters and digits in turn,
 * and no vowels where a word has some.
 */
export function isWordy(value: string): boolean {
  if (value === "") return true;
  if (value.length > longestValue) return false;
  if (isUuid(value)) return false;
  if (/[^\w\s./:@,;+#-]/.test(value.replace(/["'()[\]{}!?*=|&<>]/g, ""))) return false;
  const parts = value.split(/[^A-Za-z0-9]+/).filter((part) => part !== "");
  const letters = parts.reduce((sum, part) => sum + part.length, 0);
  const inWords = parts.reduce((sum, part) => sum + charactersInWords(part), 0);
  return letters === 0 ? value.length < 8 : inWords / letters >= 0.8;
}

/** How many characters of a part without separators belong to words. */
function charactersInWords(part: string): number {
  // Hexadecimal texts contain few words.
  if (part.length >= 12 && /^[0-9a-f]+$/i.test(part) && /\d/.test(part)) return 0;
  if (/^\d{1,8}$/.test(part) || (part.length <= 3 && !/[a-z][A-Z]/.test(part))) return part.length;
  const [, stem = "", digits = ""] =
    /^([A-Za-z]+?)(\d{0,5})$/.exec(part) ?? /^v?\d+([a-z]+)(\d{0,2})$/.exec(part) ?? [];
  if (stem === "") return 0;
  const words = stem.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? [];
  const readable = words.filter((word) => isPronounceable(word.toLowerCase()));
  const length = readable.reduce((sum, word) => sum + word.length, 0);
  // Words that are written together are longer than two letters on average.
  return words.length > 1 && stem.length / words.length < 2.5
    ? 0
    : length + (length === stem.length ? digits.length : 0);
}

function isPronounceable(word: string): boolean {
  if (word.length <= 4) return true;
  return word.length <= 24 && /[aeiouy]/.test(word) && !/[bcdfghjklmnpqrstvwxz]{5}|q(?!u|l|$)|[aeiou]{5}/.test(word);
}

/** Whether a text has the look of a secret: long enough, of several kinds of characters, and no words. */
export function isStrong(value: string): boolean {
  if (value.length < 8 || value.length > longestValue || /\s/.test(value) || isWordy(value)) return false;
  if (isLocation(value) || /^sha\d+[:/-]|^SHA\d+:|^data:|@sha256:/.test(value)) return false;
  return kindsOfCharacters(value) >= 2 && entropy(value) >= 2.5;
}

/** Whether a text is random under any name: a token of upper-case and lower-case letters and digits. */
export function isRandomToken(value: string): boolean {
  if (value.length < 20 || value.length > 512 || !/^[\w+/.~=:-]+$/.test(value)) return false;
  const [token = ""] = /[A-Za-z0-9+/]{16,}={0,2}$/.exec(value) ?? /^[\w-]{20,}$/.exec(value) ?? [];
  if (!/[a-z]/.test(token) || !/[A-Z]/.test(token) || !/\d/.test(token)) return hexToken.test(value);
  return isStrong(value) && entropy(token) >= 3.6;
}

/** Prefix and random digits: `dop_v1_…`. Digests have a prefix that says so, commits have none. */
const hexToken = /^(?!sha\d|md5|blake|rev)[a-z]{2,10}(?:[-_][a-z0-9]{1,8}){0,2}[-_](?:[0-9a-f]{24}-)?[0-9a-f]{34,}$/i;

function kindsOfCharacters(value: string): number {
  return [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(value)).length;
}

/** `admin:S3cr3t`, as headers and files for basic authentication have it; no `host:port`. */
export function isUserWithPassword(text: string): boolean {
  const [, password = ""] = /^[\w.@-]{1,100}:(?!\/\/)(\S{3,})$/.exec(text.trim()) ?? [];
  return password !== "" && !/^\d{2,5}$/.test(password) && !isReference(text) && !isReference(password);
}

/** Names of such texts. */
export const userWithPassword = /auth|cred|login|basic|userinfo|userpass/i;

/** Shannon's entropy, in bits per character. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
