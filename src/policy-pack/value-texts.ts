import { foreignLineEnd } from "../config/yaml-file";
import { isMapping, readText, type Value } from "./merged-values";

/** One text in the values, with the keys that lead to it. */
export interface ValueText {
  /** From the outermost. An item of a list has a key such as `[0]`; a variable or a flag has its name. */
  readonly keys: readonly string[];
  /** `containers[0].args[1]`. */
  readonly path: string;
  readonly file: string;
  readonly line: number;
  readonly text: string;
  /** Whether it is in a script, a manifest or another file that a value holds. */
  readonly isInFile: boolean;
}

/** Every text in the values, also those in files, command lines and variables that a value holds. */
export function* textsOf(
  value: Value,
  keys: readonly string[] = [],
  path = "",
  isInFile = false,
): Generator<ValueText> {
  const { content } = value;
  if (typeof content === "string") yield* textsIn({ ...value, keys, path, text: content, isInFile });
  else if (isMapping(content)) {
    // A variable, or a patch: `{op: replace, path: /spec/containers/0/image, value: a/b}`.
    const name = (content.get("name") ?? content.get("path"))?.content;
    for (const [key, item] of content) {
      const isVariable = key === "value" && typeof name === "string";
      const inner = isVariable ? [...withoutIndex(keys), name] : [...keys, key];
      yield* textsOf(item, inner, path === "" ? key : `${path}.${key}`, isInFile);
    }
  } else {
    for (const [index, item] of (content ?? []).entries()) {
      const flag = content?.[index - 1]?.content;
      // In `[--sidecar-image, busybox]`, the second text is the value of the flag.
      const hasFlag = typeof flag === "string" && /^--?[a-z][\w.-]*$/i.test(flag) && typeof item.content === "string";
      const inner = hasFlag && !item.content.startsWith("-") ? [...keys, flag] : [...keys, `[${index}]`];
      yield* textsOf(item, inner, `${path}[${index}]`, isInFile);
    }
  }
}

function* textsIn(text: ValueText): Generator<ValueText> {
  yield text;
  const keys = withoutIndex(text.keys);
  const whole = text.text.split(foreignLineEnd).join("\n");
  const isFile = /\n|^\s*(?:["'?\w.-]+: |- |\[|\{(?!\{))/.test(whole);
  const content = withoutTemplates(isFile ? whole.replace(controlLine, "") : whole);
  const isInFile = isFile || text.isInFile;
  if (isFile) {
    const { values, isWhole } = readText(text, content);
    const found = values.filter((value) => value.content !== null && typeof value.content === "object");
    for (const value of found) yield* textsOf(value, text.keys, text.path, true);
    if (isWhole && found.length > 0) return;
    for (const [, key = "", reference = ""] of content.matchAll(imageLine)) {
      yield { ...text, keys: [...keys, key], text: reference, isInFile };
    }
  }
  for (const pattern of [assignment, flagAndValue]) {
    for (const [, name = "", quoted = ""] of content.matchAll(pattern)) {
      // `--images=a:1,b:2`, `--image=proxy=a:1`, `--set image.tag=1,web.image.tag=2`
      for (const one of quoted.replace(/^(["'])(.*)\1$/, "$2").split(",")) {
        const at = one.lastIndexOf("=");
        const inner = at < 0 ? [name] : [name, one.slice(0, at)];
        yield { ...text, keys: [...keys, ...inner], text: one.slice(at + 1), isInFile };
      }
    }
  }
}

function withoutIndex(keys: readonly string[]): readonly string[] {
  return keys.at(-1)?.startsWith("[") ? keys.slice(0, -1) : keys;
}

/** `--sidecar-image=a/b:1`, `SIDECAR_IMAGE="a/b:1"`, `image = "a/b:1"`. What follows `?` or `&` is in an address. */
const assignment = /(?<![\w.$?&/-])(?:--?)?([a-z_][\w.-]*)[ \t]*=[ \t]*("[^"\n]*"|'[^'\n]*'|[^\s"';]+)/gi;

/** A flag with its value. In a sentence, `--image is` is none: without `=`, the value has a `/` or `:`. */
const flagAndValue = /(?<![\w.-])--?([a-z][\w.-]*)[ \t]+["']?(?=[^\s"']*[/:])([^\s"';]+)/gi;

/** An image in a file that cannot be read as YAML. */
const imageLine =
  /(?:^|[{,])[ \t]*(?:-[ \t]+)*["']?([\w.-]*image)["']?[ \t]*:[ \t]*["']?([^\s"'#{},]+)["']?[ \t]*(?:$|[#,}\]])/gim;

/** What a chart, a shell or the kubelet replaces: `{{ .Values.x }}`, `${X}`, `$(X)`. */
const action = /\{\{([^{}]*)\}\}|\$(?:\([^()\n]*\)|\{[^{}\n]*\}|[A-Z_]\w*)/gi;

/** A line such as `{{- if .Values.x }}`. */
const controlLine = /^[ \t]*(?:-[ \t]+)?(?:\{\{[^{}]*\}\}[ \t]*)+$/gm;

/** A template of which nothing is known, and one of values that are judged where they are set. Both are private characters. */
export const unknownTemplate = "\ue000";
export const judgedTemplate = "\ue001";
export const templates = unknownTemplate + judgedTemplate;

/** A text with its templates replaced by one character each, or by the reference that they have in quotes. */
export function withoutTemplates(text: string): string {
  return text.replace(action, (_, content: string | undefined = "") => {
    if (content.length > 1000) return unknownTemplate;
    const quoted = Array.from(content.matchAll(/["`]([^"`\s%]+)["`]/g), ([, literal = ""]) => literal);
    const rest = content.replace(/\.Values\.[\w.]*(?:image|hub|tag)[\w.]*|\.Chart\.\w+|default|quote|[\s|-]/gi, "");
    const template = rest === "" && content !== "" ? judgedTemplate : unknownTemplate;
    return quoted.find((literal) => /[/:]/.test(literal)) ?? template;
  });
}
