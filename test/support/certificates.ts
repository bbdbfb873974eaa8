import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A CA of its own, and a server certificate from it. */
export interface Certificates {
  /** The path of the CA's certificate. */
  readonly ca: string;
  readonly key: Buffer;
  readonly cert: Buffer;
}

/**
 * Makes certificates with the program `openssl`. The test must call `requireTools` first.
 *
 * @param names of the server, such as `IP:127.0.0.1` and `DNS:registry.invalid`
 */
export function makeCertificates(directory: string, ...names: string[]): Certificates {
  const openssl = (...parameters: string[]) => execFileSync("openssl", parameters, { cwd: directory, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Example CA");
  openssl("req", ...key, "-keyout", "host.key", "-out", "host.csr", "-subj", "/CN=host");
  writeFileSync(join(directory, "extensions"), `subjectAltName=${names.join(",")}\n`);
  const from = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions"];
  openssl("x509", "-req", "-in", "host.csr", ...from, "-out", "host.pem", "-days", "2");
  const read = (name: string) => readFileSync(join(directory, name));
  return { ca: join(directory, "ca.pem"), key: read("host.key"), cert: read("host.pem") };
}
