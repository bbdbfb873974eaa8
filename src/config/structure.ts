/**
 * What a Pulumi file may not contain. Each rule keeps Pulumi, Flux and this program from reading
 * the same text in different ways.
 */
import { distance } from "fastest-levenshtein";
import { isAlias, isMap, isNode, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from "yaml";
import { type ConfigPath, pathText, projectPrefix, type Report, type Settings } from "./report";
import { projectFileSchema, stackFileSchema, tenantSchema } from "./schema";
import { type ConfigFile, projectFilePath } from "./stack-file";
import { nearest, suggestion } from "./suggestion";
import { keyText, reportDuplicateKeys, startOf } from "./yaml-file";

const knownSettings = new WeakMap<ConfigFile["settings"], Settings>();

/** The file's settings by key, without prefix, as plain values, which are not to be changed. */
export function settingsOf(file: ConfigFile | undefined): Settings {
  if (file === undefined) return {};
  const known = knownSettings.get(file.settings);
  if (known !== undefined) return known;
  const entries = [...file.settings].filter(([key]) => key !== "__proto__");
  const settings = Object.fromEntries(entries.map(([key, { value }]) => [key, plainValue(value ?? null)]));
  knownSettings.set(file.settings, settings);
  return settings;
}

/** Aliases and merge keys, which are refused, are left out. */
function plainValue(node: unknown): unknown {
  if (isScalar(node) || node === null) return node === null ? null : node.value;
  if (isSeq(node)) return node.items.map(plainValue);
  if (!isMap(node)) return undefined;
  const entries = node.items.map((pair) => [keyText(pair), plainValue(pair.value)] as const);
  return Object.fromEntries(entries.filter(([key]) => key !== undefined && key !== "<<" && key !== "__proto__"));
}

/** What may be at the top of `Pulumi.yaml`. */
const topLevelKeys = [
  ...["name", "description", "author", "website", "license", "template"],
  ...["runtime", "main", "backend", "options", "packages", "config", "requiredPulumiVersion"],
];

/** A package of a registry or a Git host. From a folder, Pulumi would run any program in place of a provider. */
const publishedPackage = /^(?:[a-z0-9][\w-]*(?:@[\w.+-]+)?|https:\/\/.+)$/i;

/**
 * Reports what at the top of a file has no single meaning, and by what the engine would run or read something else than is
 * judged: with `plugins`, programs of the repository replace provider and policy pack; with `stackConfigDir`, other stack files
 * count.
 */
export function checkTop(report: Report, file: ConfigFile): void {
  new StructureCheck(report, file).topLevel();
}

/** Reports everything in the file that has no single meaning, and keys of ours that are in the wrong place. */
export function checkStructure(report: Report, file: ConfigFile): void {
  const check = new StructureCheck(report, file);
  check.topLevel();
  if (file.path === projectFilePath) check.projectKeys();
  else check.stackKeys();
  for (const [key, { value }] of file.settings) check.value(value, [key]);
}

/** Whether it maps names to tenants, and is not a tenant itself. */
function holdsTenants(node: unknown): boolean {
  return (
    isMap(node) &&
    node.items.length > 0 &&
    !node.items.some((pair) => Object.hasOwn(tenantSchema().shape, keyText(pair) ?? ""))
  );
}

class StructureCheck {
  constructor(
    readonly report: Report,
    readonly file: ConfigFile,
  ) {}

  topLevel(): void {
    const { contents } = this.file.document;
    if (!isMap(contents)) return;
    this.#duplicates(contents, (key) => key);
    for (const pair of contents.items) {
      const key = keyText(pair) ?? "";
      if (key === "<<") this.#mergeKey(pair.key, key);
      else if (key.startsWith(`${projectPrefix}:`)) {
        const message = `The key \`${key}\` is at the top of the file; expected it below \`config:\`.`;
        this.#add(pair.key, key, message, "Indent it below `config:`.");
      } else if (key !== "config" && key !== "" && distance(key.toLowerCase(), "config") <= 2) {
        this.#add(pair.key, key, `The key \`${key}\` is unknown.`, "Did you mean `config`?");
      } else if (this.file.path === projectFilePath && !topLevelKeys.includes(key)) {
        const message = `The key \`${key}\` is refused: by it, the engine could run or read what nobody judges.`;
        this.#add(pair.key, key, message, `Remove it; expected one of ${topLevelKeys.join(", ")}.`);
      } else if (this.file.path === projectFilePath && key === "packages") this.#packages(pair.value);
    }
    if (this.file.config === undefined) return;
    this.#duplicates(this.file.config, (key) => key);
    for (const pair of this.file.config.items) {
      const key = keyText(pair);
      if (key === undefined) this.#add(pair.key, "config", "A key of the config is not a text.");
      else if (key === "<<") this.#mergeKey(pair.key, "config.<<");
      else this.#misspeltPrefix(pair.key, key);
    }
  }

  #packages(node: unknown): void {
    for (const pair of isMap(node) ? node.items : []) {
      const { value } = pair;
      const source = isMap(value) ? value.get("source") : isScalar(value) ? value.value : undefined;
      const isElsewhere = isMap(value) && value.has("pluginDownloadURL");
      if (typeof source === "string" && publishedPackage.test(source) && !isElsewhere) continue;
      const message = "Expected a published package, such as `aws@7.0.0` or `https://git.example.com/a.git`.";
      this.#add(
        pair.key,
        `packages.${keyText(pair) ?? ""}`,
        message,
        "Publish it: one in a folder could replace any provider.",
      );
    }
  }

  projectKeys(): void {
    for (const [name, { key, value }] of this.file.settings) {
      const path = pathText([name]);
      const written = this.file.config?.items.find((pair) => pair.key === key)?.value;
      if (isMap(written)) this.#duplicates(written, () => path);
      if (!Object.hasOwn(projectFileSchema().shape, name)) {
        const inStack = Object.hasOwn(stackFileSchema().shape, name);
        this.#add(
          key,
          path,
          `Of our keys, \`Pulumi.yaml\` holds only \`applications\` and \`defaults\`; got \`${name}\`.`,
          inStack ? "Move it to the stack file." : suggestion(name, ["applications", "defaults"]),
        );
      } else if (value === undefined) {
        this.#add(
          key,
          path,
          "The key has no `value:`, under which Pulumi expects its content in `Pulumi.yaml`.",
          `Write \`${path}: { value: { ... } }\`, or the line \`value:\` below the key and its content indented below that.`,
        );
      } else if (isMap(written) && written.has("value") && written.has("default")) {
        this.#add(key, path, "The key has both `value:` and `default:`; Pulumi accepts one.", "Remove `default:`.");
      }
    }
  }

  stackKeys(): void {
    const known = Object.keys(stackFileSchema().shape);
    const applications = this.file.settings.get("applications");
    if (applications !== undefined) {
      const message = "Applications are declared once for all stacks; expected none in a stack file.";
      const fix = `Move the key to \`Pulumi.yaml\`: \`${projectPrefix}:applications: { value: { ... } }\`.`;
      this.#add(applications.key, pathText(["applications"]), message, fix);
    }
    for (const [name, { value }] of this.file.settings) {
      const wrapper = isMap(value) && value.items.length === 1 ? value.items[0] : undefined;
      if (name === "applications" || wrapper === undefined || keyText(wrapper) !== "value") continue;
      // A tenant may have the name `value`.
      if (name === "tenants" && !holdsTenants(wrapper.value)) continue;
      const message = "A stack file has no `value:` below a key; only `Pulumi.yaml` has.";
      this.#add(wrapper.key, pathText([name]), message, "Remove `value:` and move its content up one level.");
    }
    for (const pair of this.file.config?.items ?? []) {
      const key = keyText(pair);
      if (key === undefined || key.includes(":")) continue;
      const meant = nearest(key, known);
      this.#add(
        pair.key,
        key,
        `The key \`${key}\` has no project prefix; expected a key such as \`${projectPrefix}:follow\`.`,
        meant === undefined
          ? "Give it the prefix of the project or provider that it belongs to."
          : `Did you mean \`${projectPrefix}:${meant}\`?`,
      );
    }
  }

  #misspeltPrefix(node: unknown, key: string): void {
    const [prefix = "", name] = key.split(/:(.*)/s);
    if (name === undefined || prefix === projectPrefix) return;
    if (distance(prefix.toLowerCase().replaceAll("_", "-"), projectPrefix) > 3) return;
    const meant = nearest(name, [...Object.keys(stackFileSchema().shape), "applications"]) ?? name;
    const message = `The prefix \`${prefix}\` is unknown; expected \`${projectPrefix}\`.`;
    this.#add(node, key, message, `Did you mean \`${projectPrefix}:${meant}\`?`);
  }

  #mergeKey(node: unknown, path: string): void {
    const message = "Merge keys (`<<`) are refused: one edit would change several entries.";
    this.#add(node, path, message, "Write the entry out.");
  }

  value(node: unknown, path: ConfigPath): void {
    if (!isNode(node) || this.#decoration(node, path)) return;
    if (isScalar(node)) this.#scalar(node, path);
    else if (isMap(node)) this.#map(node, path);
    else if (isSeq(node)) node.items.forEach((item, index) => this.value(item, [...path, index]));
  }

  #map(map: YAMLMap, path: ConfigPath): void {
    this.#duplicates(map, (key) => pathText([...path, key]));
    for (const pair of map.items) {
      const key = keyText(pair);
      const inner = [...path, key ?? ""];
      const refuse = (at: ConfigPath, message: string, fix?: string) => this.#add(pair.key, pathText(at), message, fix);
      if (key === undefined) {
        refuse(path, "A key of the mapping is a list, a mapping, or an alias; expected a text.");
      } else if (key === "<<") {
        this.#mergeKey(pair.key, pathText(inner));
      } else if (key === "secure") {
        refuse(
          path,
          "Encrypted values (`secure:`) are refused: Flux cannot decrypt them, and every decision must be readable in its commit.",
          "Put the value into a Secret in the authority namespace and name it in the tenant's `secrets`.",
        );
      } else if (key === "__proto__") {
        refuse(
          inner,
          "The name `__proto__` is refused: it has a meaning of its own in JavaScript.",
          "Choose another name.",
        );
      } else if (!this.#decoration(pair.key as Node, inner)) {
        this.#key(pair.key as Scalar, inner);
        this.value(pair.value, inner);
      }
    }
  }

  /** Pulumi reads the key `01` as `1`, and no `Pulumi.yaml` with a number as a key. */
  #key(key: Scalar, path: ConfigPath): void {
    if (this.file.path !== projectFilePath || typeof key.value === "string") this.#scalar(key, path);
    else {
      const source = key.source ?? "";
      this.#add(
        key,
        pathText(path),
        `The key \`${source}\` is not a text; expected one.`,
        `Quote it: \`"${source}"\`.`,
      );
    }
  }

  /** Anchors, aliases and tags: an edit of one entry would silently change another, or its type. */
  #decoration(node: Node, path: ConfigPath): boolean {
    const [name, fix] = isAlias(node)
      ? [`alias \`*${node.source}\``, "Write the value out."]
      : (isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined
        ? [`anchor \`&${node.anchor}\``, "Remove it."]
        : [];
    if (name !== undefined) {
      this.#add(node, pathText(path), `The ${name} is refused: one edit would change several entries.`, fix);
    } else if (node.tag !== undefined) {
      const message = `The YAML tag \`${node.tag}\` is refused; expected a plain value.`;
      this.#add(node, pathText(path), message, "Remove it, and quote what is a text.");
    }
    return name !== undefined || node.tag !== undefined;
  }

  /**
   * Scalars that Pulumi's YAML (yaml.v3 of Go) and ours read differently. Measured with Pulumi 3.259: `2026-01-02`
   * reaches the program as "2026-01-02 00:00:00 +0000 UTC", `010` as 8, `1_000` as 1000.
   */
  #scalar(scalar: Scalar, path: ConfigPath): void {
    const { source, value, type } = scalar;
    if (type !== "PLAIN" || source === undefined) return;
    const isAmbiguous =
      typeof value === "number" || typeof value === "bigint"
        ? !/^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?$/.test(source)
        : typeof value === "string" &&
          /^\d{4}-\d{1,2}-\d{1,2}(?:$|[Tt\s])|^[-+.]?[0-9][0-9a-fA-FoxX_.eE+-]*_[0-9a-fA-F_.]*$|^[-+]?0[bB][01_]+$/.test(
            source,
          );
    if (!isAmbiguous) return;
    const message = `The value \`${source}\` means one thing to Pulumi and another to other readers of YAML.`;
    const fix = `Quote it if it is a text: \`"${source}"\`; write a number in plain decimal digits.`;
    this.#add(scalar, pathText(path), message, fix);
  }

  #duplicates(map: YAMLMap, path: (key: string) => string): void {
    const lineOf = ({ key }: { key: unknown }) => startOf(this.file, key)?.line;
    reportDuplicateKeys(map, lineOf, (pair, key, first) => {
      const message = `The key \`${key}\` appears twice; the first one is on line ${first ?? 0}.`;
      this.#add(pair.key, path(key), message, "Remove one of the two.");
    });
  }

  #add(node: unknown, path: string, message: string, fix?: string): void {
    this.report.addProblem({ file: this.file.path, ...startOf(this.file, node), path, message, fix });
  }
}
