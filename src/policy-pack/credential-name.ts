/**
 * What the name of a value says about it.
 *
 * - `password`: any literal is a credential.
 * - `token`: a literal is one unless it reads as the name of a Secret, of one of its keys, or of a file.
 * - `secret`: as a rule the name of a Secret, such as `tlsSecret: shop-tls`. A literal that is not such a name is one.
 * - `hint`: only a text that looks random is one.
 * - `description`: the name describes a credential or something else, such as `tokenUrl`.
 * - `none`: the name says nothing.
 * - `harmless`: the value may look random without being a credential, such as a digest.
 */
export type NameKind = "password" | "token" | "secret" | "hint" | "description" | "none" | "harmless";

/** Last words of names that describe a credential, such as its lifetime, its location or its use. */
const describing = wordSet(
  "name names ref refs file files path paths dir mount volume enabled enable disabled create required type kind mode " +
    "method methods policy provider backend class driver engine algorithm format url uri urls endpoint host port " +
    "issuer audience scope scopes header headers namespace label labels annotation annotations selector length size " +
    "limit count ttl expiry expiration lifetime validity duration interval timeout seconds minutes hours days age " +
    "rotation prefix suffix field env var variable realm domain group groups role roles user users username strategy " +
    "level regex pattern template title description hint placeholder text message store reload",
);

/** Last words of values that identify something or can be shown to everyone. */
const identifying = wordSet(
  "id ids uid uuid guid digest sha sha1 sha256 sha512 md5 checksum hash hashes fingerprint thumbprint integrity cert " +
    "certs certificate certificates ca crt cabundle chain bundle pub pubkey publickey icon logo image tag revision " +
    "commit version serial arn etag recipient recipients ciphertext truststore sitekey zone zones",
);

/** Words before the noun for what everyone may know: `publicKey`, `encryptedData`, `checksum/secret`. */
const published = wordSet("public pub publishable site known hashed encrypted sealed checksum digest fingerprint");

/** Words after the noun that change nothing: `passwordBase64`, `TOKEN_PROD`, `password1`. */
const modifying = wordSet(
  "value values plain plaintext raw string literal base64 b64 encoded data content contents prod production staging " +
    "stage dev test live primary secondary main old new current previous default read write ro rw base",
);

/** Words before `secret` or `key` for which the value is the credential and not the name of an object. */
const direct = wordSet(
  "client cookie session jwt shared signing sign hmac webhook consumer encryption encrypt csrf app api oauth2 secret " +
    "private master auth license account macaroon rpc fernet cipher aes rsa preshared integration deploy ssh",
);

const passwordNoun = /(?:password|passwd|passphrase|passcode|passwort|kennwort|pwd|pswd|pw|psk|mnemonic)s?$/;
const passNoun = /^(?!.*(?:by|com|tres|over|under|proxy|through|multi|single|two|one)pass$).{0,10}pass$/;
const tokenNoun = /token$|authtok$|(?:api|access|auth|secret|private|signing|master|shared|encryption|license)keys?$/;
const secretNoun = /(?:secret|credential|cred)s?$/;
const hintNoun =
  /^(?:keys?|tokens|cookie|salt|seed|pepper|hmac|sig|sas|signature|dsn|jwt|bearer|auth|masterauth|authorization|fernet|license|webhook|pat|pem|keystore|pfx|p12|mnemonic|community|bytes)$/;

/** What a name says about its value. */
export function nameKind(name: string): NameKind {
  const known = kinds.get(name);
  if (known !== undefined) return known;
  const kind = judgeName(name);
  if (kinds.size < mostKnown) kinds.set(name, kind);
  return kind;
}

/** Most values files have the same keys. */
const kinds = new Map<string, NameKind>();
const mostKnown = 10_000;
const longestName = 200;

function judgeName(name: string): NameKind {
  if (name.length > longestName) return "none";
  // The domain of a Kubernetes annotation is not part of its name. Its value seldom is a credential, often a reference.
  const [, annotation] = /^[a-z0-9-]+(?:\.[a-z0-9-]+)+\/(.+)$/.exec(name) ?? [];
  const kind = judgeWords(wordsOf(annotation ?? name));
  // A variable of the environment holds the secret itself, seldom the name of an object.
  if (kind === "secret" && /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(name) && !/TLS|PULL/.test(name)) return "token";
  return annotation !== undefined && (kind === "password" || kind === "token") ? "secret" : kind;
}

function judgeWords(words: readonly string[]): NameKind {
  let length = words.length;
  while (length > 1 && isModifier(words[length - 1] ?? "")) length -= 1;
  const final = words[length - 1] ?? "";
  // `password2`, but not `sha256`.
  const last = identifying.has(final) ? final : final.replace(/\d+$/, "");
  const before = words[length - 2] ?? "";
  if (identifying.has(last) || words.some((word) => published.has(word))) return "harmless";
  if (describing.has(last)) return "description";
  if (words.includes("existing")) return words.some(isCredentialNoun) ? "secret" : "description";
  if (passwordNoun.test(last) || passwordNoun.test(`${before}${last}`)) return "password";
  if (passNoun.test(last)) return ["proxy", "fastcgi", "grpc", "uwsgi"].includes(before) ? "description" : "password";
  if (tokenNoun.test(last)) return "token";
  if (secretNoun.test(last)) {
    // `jwtSecret`, `jwt_secret` and `jwtsecret`.
    const [, inWord] = /^(.*)secrets?$/.exec(last) ?? [];
    const isDirect = inWord !== undefined && direct.has(inWord === "" ? before : inWord);
    // `passwordAuthSecret` holds the name of a Secret.
    return isDirect && !words.slice(0, length - 2).some(isCredentialNoun) ? "token" : "secret";
  }
  if (/^keys?$/.test(last)) {
    // `passwordKey` is the name of a key in a Secret.
    const third = words[length - 3] ?? "";
    if (before === "access" && third === "secret") return "token";
    if (before === "secret" && (third === "key" || direct.has(third) || isCredentialNoun(third))) return "secret";
    if (isCredentialNoun(before) && before !== "secret") return "description";
    return direct.has(before) && before !== "cookie" ? "token" : "hint";
  }
  return hintNoun.test(last) ? "hint" : "none";
}

/** Whether a word is a noun for a credential, as names of Secrets and of their keys contain it. */
export function isCredentialNoun(word: string): boolean {
  return [passwordNoun, passNoun, tokenNoun, secretNoun].some((noun) => noun.test(word)) || /^tokens$/.test(word);
}

/** The words of a name in any usual spelling, in lower case. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

function isModifier(word: string): boolean {
  return modifying.has(word) || /^\d+$/.test(word);
}

function wordSet(words: string): ReadonlySet<string> {
  return new Set(words.split(" "));
}

/** The name without what its value is, such as the words in `value` and `data`; empty if nothing remains. */
export function isGenericName(name: string): boolean {
  return wordsOf(name).every(isModifier);
}
