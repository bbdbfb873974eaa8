/**
 * Credentials that open nothing. They are built at run time, because a Git host refuses a push that contains the shape
 * of a provider's token.
 */
import { createHash, generateKeyPairSync } from "node:crypto";

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Bytes that look random and are the same in each run. */
export function bytes(seed: string, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, index) =>
    createHash("sha512").update(`${seed} ${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

/** A text of letters and digits. */
export function letters(seed: string, length: number, alphabet: string = alphanumeric): string {
  return Array.from(bytes(seed, length), (byte) => alphabet[byte % alphabet.length]).join("");
}

export const hex = (seed: string, length: number): string => bytes(seed, length).toString("hex").slice(0, length);

export const uuid = (seed: string): string =>
  hex(seed, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-a$4-$5");

export const base64 = (text: string | Buffer): string => Buffer.from(text).toString("base64");

/** A text as a block scalar below a key that is indented by `spaces`. */
export const block = (text: string, spaces: number): string =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => " ".repeat(spaces + 2) + line)
    .join("\n");

const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 });
const ec = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const ed25519 = generateKeyPairSync("ed25519");

const pem = (key: { export(options: object): string | Buffer }, type: string, more: object = {}): string =>
  key.export({ format: "pem", type, ...more }).toString();

/** Private keys of all usual kinds, in PEM. */
export const privateKeys = {
  rsa: pem(rsa.privateKey, "pkcs1"),
  ec: pem(ec.privateKey, "sec1"),
  ed25519: pem(ed25519.privateKey, "pkcs8"),
  encrypted: pem(rsa.privateKey, "pkcs8", { cipher: "aes-256-cbc", passphrase: "a" }),
  openssh: armored("OPENSSH PRIVATE KEY", base64(Buffer.concat([Buffer.from("openssh-key-v1\0"), bytes("ssh", 300)]))),
  pgp: armored("PGP PRIVATE KEY BLOCK", base64(bytes("pgp", 300))),
  der: base64(ec.privateKey.export({ format: "der", type: "pkcs8" })),
};

/** What a private key leaves public. */
export const publicKeys = {
  rsa: pem(rsa.publicKey, "spki"),
  der: base64(ed25519.publicKey.export({ format: "der", type: "spki" })),
  ssh: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5${base64(bytes("ssh-public", 35))} ops@example.com`,
  certificate: armored("CERTIFICATE", `MIID${base64(bytes("certificate", 600))}`),
};

function armored(label: string, content: string): string {
  const lines = content.match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** A token in the form of a JSON web token. */
export const webToken = [
  base64('{"alg":"HS256","typ":"JWT"}'),
  base64('{"sub":"shop","iat":1732386000}').replaceAll("=", ""),
  letters("jwt", 43),
].join(".");
