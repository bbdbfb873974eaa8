/** The certificate authorities that this machine trusts. Node by itself has its own list, Git and Docker read the system's. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as tls from "node:tls";

/** Where Linux distributions keep the system's certificates. */
const systemFiles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * Node's list and the system's certificates, as PEM. The variables `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE` and `SSL_CERT_DIR`
 * count. A file that cannot be read holds none: a host that needs it is then refused.
 */
export function trustedCertificates(): string[] {
  const { getCACertificates } = tls as { getCACertificates?: (store: "default" | "system") => string[] };
  if (getCACertificates !== undefined) {
    return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
  }
  // Node 20.
  const { NODE_EXTRA_CA_CERTS: extra, SSL_CERT_FILE: file, SSL_CERT_DIR: folder } = process.env;
  const files = [...list(extra), ...(file === undefined ? systemFiles : [file]), ...list(folder).flatMap(filesIn)];
  return [...tls.rootCertificates, ...files.map(read)];
}

function list(path: string | undefined): string[] {
  return path === undefined || path === "" ? [] : [path];
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
