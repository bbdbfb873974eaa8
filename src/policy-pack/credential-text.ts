/** Finds credentials in one text of any format: addresses, arguments, files with settings, scripts, headers, keys. */
import { createPrivateKey } from "node:crypto";
import { nameKind } from "./credential-name";
import {
  isCredential,
  isRandomToken,
  isReference,
  isStrong,
  isWordy,
  isUserWithPassword,
  userWithPassword,
} from "./credential-value";

/** Why a text holds a credential, as the predicate of a sentence. */
export type Predicate = string;

const assigns = "gives a value to something that is named like a credential";
const address = "is an address with a credential in it";

/** Texts that are credentials under any name. */
export function formatIn(text: string): Predicate | undefined {
  if (holdsPrivateKey(text)) return "holds a private key";
  if (text.includes("@") && holdsUserInfo(text)) return address;
  if (text.includes("://") && holdsSecretPath(text)) return address;
  if (/\b(?:basic|bearer|token|apikey|splunk)\s/i.test(text) && holdsHeader(text))
    return "holds a header with a credential";
  if ((text.includes(":") && holdsPasswordFile(text)) || holdsNetrc(text)) return "holds a line of a password file";
  return undefined;
}

function holdsPrivateKey(text: string): boolean {
  for (const { index } of text.matchAll(
    /-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY|PuTTY-User-Key-File-|AGE-SECRET-KEY-1/g,
  )) {
    if (/[A-Za-z0-9+/]{24}/.test(text.slice(index + 20, index + 600))) return true;
  }
  return false;
}

/** A private key without the lines around it: PKCS #8, PKCS #1 or SEC 1 in DER. */
export function isPrivateKey(der: Buffer): boolean {
  if (der[0] !== 0x30 || der.length < 40 || der.length > 16_384) return false;
  return (["pkcs8", "pkcs1", "sec1"] as const).some((type) => {
    try {
      return createPrivateKey({ key: der, format: "der", type }).type === "private";
    } catch (error) {
      // An encrypted key needs a passphrase.
      return (error as NodeJS.ErrnoException).code === "ERR_MISSING_PASSPHRASE";
    }
  });
}

/** `scheme://user:password@host`, `scheme://token@host`, and `user:password@tcp(host)`. */
const userInfo = /(?<![\w+.-])[a-z][a-z0-9+.-]{1,30}:\/\/([^\s/"'<>@:]{0,200}):([^\s/"'<>@]{1,400})@/gi;
const userInfoOfOne = /(?<![\w+.-])[a-z][a-z0-9+.-]{1,30}:\/\/([^\s/"'<>@:?#]{16,400})@([\w.-]{1,200})/gi;
const bareUserInfo =
  /(?<![\w/:.@-])([\w.-]{1,100}):([^\s:@/"'<>]{3,200})@(?!sha\d)(?:(?:tcp|unix)\(|\/|[\w-]{1,100}(?:[.:/]|$))/g;

function holdsUserInfo(text: string): boolean {
  for (const [, , password = ""] of text.matchAll(userInfo)) if (!isReference(password)) return true;
  for (const [, token = "", host = ""] of text.matchAll(userInfoOfOne)) {
    // The address that Sentry gives to browsers is public.
    if (isStrong(token) && !isReference(token) && !host.includes("sentry")) return true;
  }
  for (const [, password = ""] of text.matchAll(/jdbc:oracle:\w{1,10}:[^\s/:@]{1,100}\/([^\s@/]{1,200})@/g)) {
    if (!isReference(password)) return true;
  }
  for (const [, user = "", password = ""] of text.matchAll(bareUserInfo)) {
    if (!/^(?:mailto|sips?|xmpp|acct|https?|npm|git|user|docker|image)$/i.test(user) && !isReference(password))
      return true;
  }
  return false;
}

/** The path of a webhook or of a bot is all that it asks for. */
function holdsSecretPath(text: string): boolean {
  for (const [, path = ""] of text.matchAll(/:\/\/([^\s"'<>]{1,2000})/g)) {
    if (!/hook|\/bot|token|secret/i.test(path)) continue;
    if (path.split(/[/?#&]/).some((part) => part.length >= 20 && isStrong(part) && !part.includes("."))) return true;
  }
  return false;
}

function holdsHeader(text: string): boolean {
  for (const [, scheme = "", value = ""] of text.matchAll(
    /\b(basic|bearer|token|apikey|splunk)\s{1,4}([\w+/=.~-]{4,4000})/gi,
  )) {
    const isBasic = scheme.toLowerCase() === "basic";
    if (isBasic ? (decodedText(value, 4)?.includes(":") ?? false) : isStrong(value) && !isReference(value)) return true;
  }
  return false;
}

/** `host:port:database:user:password` (PostgreSQL), and `user:hash` with a hash that is quickly guessed. */
function holdsPasswordFile(text: string): boolean {
  return text.split("\n").some((line) => {
    const [, password] =
      /^[^:\s]{1,200}:(?:\d{2,5}|\*):[^:\s]{1,100}:[^:\s]{1,100}:(\S{1,200})$/.exec(line.trim()) ?? [];
    if (password !== undefined && !isReference(password)) return true;
    return /(?<![\w.@-])[\w.@-]{1,100}:(?:\$apr1\$|\$1\$|\{SHA\}|\{SSHA\}|\{MD5\})\S/.test(line.trim());
  });
}

/** `machine example.com login ann password hunter2`, in one line or several. */
function holdsNetrc(text: string): boolean {
  if (!text.includes("password")) return false;
  const entries = text.matchAll(
    /^[ \t]{0,40}(?:machine\s{1,20}\S{1,200}|default)\s{1,20}(?:(?:login|account)\s{1,20}\S{1,200}\s{1,20}){0,2}password\s{1,20}(\S{1,200})/gm,
  );
  return [...entries].some(([, password = ""]) => !isReference(password));
}

/** The text in base64, if what it decodes to is text again. */
export function decodedText(text: string, shortest = 16): string | undefined {
  const bytes = decodedBytes(text, shortest);
  const decoded = bytes?.toString("utf8");
  return decoded === undefined || /[^\P{Cc}\t\r\n]|\ufffd/u.test(decoded) ? undefined : decoded;
}

/** The bytes of a text in base64. */
export function decodedBytes(text: string, shortest = 16): Buffer | undefined {
  const compact = text.trim().replace(/[\r\n]+\s*/g, "");
  if (compact.length < shortest || !/^[\w+/-]+={0,2}$/.test(compact)) return undefined;
  return Buffer.from(compact, "base64");
}

/** Whether a text that is not YAML gives a value to something that is named like a credential. */
export function assignmentIn(text: string): Predicate | undefined {
  if (holdsMarkup(text)) return assigns;
  for (const line of withoutBlocks(text).split("\n")) {
    if (/^\s*(?:#|;|\/\/\s|--\s)/.test(line)) continue;
    if (assignsInLine(line) || holdsArgument(line)) return assigns;
  }
  return undefined;
}

/** Texts of TOML over several lines as texts of one: `"""` and `'''`. */
function withoutBlocks(text: string): string {
  return text.replace(/("""|''')\\?([^]{0,512}?)\1/g, (_all, _quotes, inner: string) => {
    return `"${inner
      .replaceAll('"', "'")
      .trim()
      .replace(/\s*\\?\n\s*/g, " ")}"`;
  });
}

function isNamed(name: string, value: string): boolean {
  const kind = nameKind(name);
  if ((kind === "none" || kind === "hint") && userWithPassword.test(name) && isUserWithPassword(value)) return true;
  return kind !== "none" && kind !== "description" && isCredential(value, name, kind);
}

/** XML elements and attributes, SQL, and pairs such as `define('AUTH_KEY', '…')`. */
function holdsMarkup(text: string): boolean {
  for (const [, tag = "", value = ""] of text.matchAll(
    /<([A-Za-z][\w.:-]{0,80})(?:\s[^<>]{0,200})?>([^<>]{1,1000})<\//g,
  )) {
    if (isNamed(tag, value)) return true;
  }
  for (const [, name = "", value = ""] of text.matchAll(
    /\b(?:name|key|id)\s?=\s?["']([\w.:-]{1,100})["']\s[^<>"']{0,100}\bvalue\s?=\s?["']([^"'<>]{1,1000})["']/g,
  )) {
    if (isNamed(name, value)) return true;
  }
  for (const [, value = ""] of text.matchAll(/\b(?:identified\s{1,4}by|password)[\s(]{1,4}'([^'\n]{1,400})'/gi)) {
    if (!isReference(value)) return true;
  }
  for (const [, name = "", value = ""] of text.matchAll(
    /<(?:name|key)>([^<>]{1,200})<\/\w{1,20}>\s{0,100}<(?:value|string)>([^<>]{1,1000})</g,
  )) {
    if (isNamed(name, value)) return true;
  }
  for (const [, name = "", value = ""] of text.matchAll(/["']([\w.-]{1,80})["']\s?,\s?["']([^"'\n]{1,1000})["']/g)) {
    if (isStrong(value) && isNamed(name, value)) return true;
  }
  return false;
}

const assignment =
  /(?<![\w.-])([A-Za-z_-][\w.-]{0,100})(?:\[["']?([\w.-]{0,60})["']?\])?["']?[ \t]{0,20}(=>|:=|\+=|=(?![=~])|:(?![/=]))[ \t]{0,20}/g;

/** `NAME=value`, `name: value`, `"name" => "value"`, also several in one line. */
function assignsInLine(line: string): boolean {
  let judged = 0;
  for (const match of line.matchAll(assignment)) {
    const [all, variable = "", subscript = "", operator = ""] = match;
    const name = subscript === "" || /^\d+$/.test(subscript) ? variable : subscript;
    const start = match.index + all.length;
    // An empty parameter of an address.
    if (/[?&]/.test(line[match.index - 1] ?? "") && /\s$/.test(all)) continue;
    const kind = nameKind(name);
    if (kind === "none" && operator === "=" && start >= judged) {
      const token = tokenAt(line, start);
      if (isRandomToken(token)) return true;
      judged = start + token.length;
    }
    if (kind === "none" || kind === "description") continue;
    const { value, isQuoted, rest } = valueAt(line, start);
    // In a sentence such as `Password: ask the platform team`, words follow.
    const isSentence =
      !isQuoted &&
      (operator === ":" ? /^(?:\s{1,4}[A-Za-z]{1,40}){2}/ : /^\s{1,4}[a-z]{2,40}/).test(rest) &&
      (operator === ":" || /^[A-Z][a-z]+$/.test(value));
    if (!isQuoted && isExpression(value, rest)) continue;
    if (value !== "" && (!isSentence || isStrong(value)) && isNamed(name, value)) return true;
  }
  return false;
}

/** In a program: a variable of an object, a call, or an operator. */
function isExpression(value: string, rest: string): boolean {
  if (
    /^(?:await|new|None|nil|function|async|lambda|(?:[Ss]tring|Int|[Bb]oolean|[Nn]umber|[Tt]ext|str|bytes|any)[!?]?)$/.test(
      value,
    ) ||
    /^[A-Za-z_$][\w$]*[([]/.test(value)
  )
    return true;
  return (
    /^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+(?:[([].*)?$/.test(value) &&
    isWordy(value) &&
    /^["'\])(;,\s]|^$/.test(rest)
  );
}

const longestQuoted = 512;

function tokenAt(line: string, start: number): string {
  return /^["']?([\w+/.~=:-]{20,})/.exec(line.slice(start, start + longestQuoted))?.[1] ?? "";
}

function valueAt(line: string, start: number): { value: string; isQuoted: boolean; rest: string } {
  const part = line.slice(start, start + longestQuoted);
  const [, quote, quoted] = /^(["'])(.*?)\1/.exec(part) ?? [];
  if (quote !== undefined && quoted !== undefined) {
    // A template whose own quotes end the text.
    const isCut = /\$[({][^(){}]*$|\{\{[^{}]*$/.test(quoted);
    return { value: isCut ? "" : quoted, isQuoted: true, rest: "" };
  }
  // The output of a command.
  if (part.startsWith("`")) return { value: "", isQuoted: true, rest: "" };
  const [all, value = ""] =
    /^["']?((?:\$\([^()]*\)|\$\{\{.*?\}\}|\{\{.*?\}\}|\$?\{[^{}]*\}|<[^<>]*>|[^\s;,&"'`)\]}<|])*)/.exec(part) ?? [];
  return { value, isQuoted: false, rest: part.slice(all?.length ?? 0) };
}

/** `--password value`, `mysql -pvalue`, `curl -u user:value`, and directives such as `requirepass value`. */
function holdsArgument(line: string): boolean {
  if (line.length > longestCommand) return false;
  const words = line.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  const bare = words.map((word) => word.replace(/^(["'])(.*)\1;?$/, "$2"));
  const program =
    /\b(?:mysql\w*|mariadb\w*|redis-cli|curl|wget|sshpass|htpasswd|docker|podman|helm|skopeo|crane)\b/.exec(line)?.[0];
  for (const [index, word] of bare.entries()) {
    const next = bare[index + 1];
    if (next !== undefined && isArgumentOf(word, next)) return true;
    if (program !== undefined && isOptionOf(program, word, next ?? "")) return true;
  }
  // `sh -c '…'`, an entry of Redis's access list, and one of PgBouncer's users.
  if (bare.some((word, index) => word !== words[index] && /\s/.test(word) && holdsArgument(word))) return true;
  if (bare[0] === "user" && bare.some((word) => /^>[^\s>]{3}/.test(word) && !isReference(word.slice(1)))) return true;
  if (/^\s*"[\w.-]{1,100}"\s+"[^"]{1,200}"\s*$/.test(line) && isStrong(bare[1] ?? "")) return true;
  if (bare.length < 2 || bare.length > longestDirective) return false;
  const [name = "", value = ""] = [bare.at(-2), bare.at(-1)?.replace(/;$/, "")];
  if (!/^[A-Za-z][\w.-]*$/.test(name) || !isNamed(name, value)) return false;
  // In prose such as `Reset the password today`, the noun stands alone.
  const isDirective =
    (nameKind(name) === "password" && (!plainNoun.test(name) || (bare.length === 2 && /[\d!#$%&*@^]/.test(value)))) ||
    isUserWithPassword(value);
  return isDirective || isStrong(value);
}

const longestCommand = 16_384;
const longestDirective = 8;
const plainNoun = /^(?:password|passwd|passphrase|passcode)s?$/i;

/** What follows a flag in a sentence about it. */
const sentenceWord = /^(?:and|or|is|are|to|the|in|for|with|from|must|can|flag|flags|option|options|argument)$/;

/** Whether the second of two arguments is the value of the first, such as `--db-password`, and a credential. */
export function isArgumentOf(flag: string, value: string): boolean {
  const [, name] = /^--?([A-Za-z][\w.-]+)$/.exec(flag) ?? [];
  return name !== undefined && !value.startsWith("-") && !sentenceWord.test(value) && isNamed(name, value);
}

/** Options of one letter that usual programs have for a password. */
export function isOptionOf(program: string, option: string, next: string): boolean {
  const [, attached = ""] = /^-p(\S{3,})$/.exec(option) ?? [];
  if (/^(?:mysql|mariadb|sshpass)/.test(program) && attached !== "") return !isReference(attached);
  const isSecret = next !== "" && !next.startsWith("-") && !isReference(next);
  if (program === "redis-cli") return option === "-a" && isSecret;
  if (program === "sshpass") return option === "-p" && isSecret;
  if (program === "curl") {
    const [, password = ""] = /^[^:\s]+:(\S+)$/.exec(next) ?? [];
    return /^(?:-u|--user|--proxy-user)$/.test(option) && password !== "" && !isReference(password);
  }
  return option === "-p" && isSecret && isStrong(next);
}
