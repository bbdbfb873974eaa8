import assert from "node:assert/strict";
import fc from "fast-check";
import { withDenied, withoutDenied } from "../../src/cli/deny";
import { withHold, withoutHold } from "../../src/cli/hold";
import { withoutPin, withPin } from "../../src/cli/pin";
import { withRelease } from "../../src/cli/promote";
import { withRollback } from "../../src/cli/rollback";
import { withoutTenant } from "../../src/cli/remove-tenant";
import { renamed } from "../../src/cli/rename-tenant";
import { stackConfigOf } from "../../src/config/read-stack-config";
import { entryAt, parseStackFile, type StackFile } from "../../src/config/stack-file";
import { withoutKey, withValue } from "../../src/config/tenant-edit";
import { isDenied } from "../../src/version/range";
import { temporaryDirectory } from "../support/directory";

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;
const quote = fc.constantFrom('"', "'");
const comment = fc.constantFrom("", "", " # by hand", "  # see: {a: 1}, [b]");
const loneComment = fc.constantFrom("", "", "", "# a comment: of its own\n", "\n", "  # old: policy\n");
const denied = fc.subarray(["1.0.1", "1.0.2", "1.0.3"]);

/** The text of the `deny` list at an indent, or nothing where there is none. */
const denyText = (indent: string) =>
  fc
    .tuple(denied, fc.constantFrom("none", "flow", "comma", "lines", "block"), quote, comment)
    .map(([versions, form, q, note]) => {
      const texts = versions.map((version) => q + version + q);
      if (form === "none") return "";
      if (form === "block" && texts.length > 0) {
        return `${indent}deny:${note}\n${texts.map((text) => `${indent}  - ${text}${note}\n`).join("")}`;
      }
      if (form === "lines" && texts.length > 0) {
        return `${indent}deny: [\n${texts.map((text) => `${indent}  ${text},${note}\n`).join("")}${indent}]\n`;
      }
      return `${indent}deny: [${texts.join(", ")}${form === "comma" && texts.length > 0 ? "," : ""}]${note}\n`;
    });

const flowDeny = fc
  .tuple(denied, fc.constantFrom("none", "last", "only"))
  .map(([versions, form]) =>
    form === "none" ? "" : `deny: [${versions.map((version) => `"${version}"`).join(", ")}]`,
  );

const policyText = fc.oneof(
  fc.tuple(flowDeny, comment, fc.constantFrom("", ",")).map(([deny, note, comma]) => {
    const items = ['range: ">=1.0.0"', ...(deny === "" ? [] : [deny])];
    return `      policy: { ${items.join(", ")}${comma} }${note}\n`;
  }),
  fc
    .tuple(flowDeny, comment)
    .map(
      ([deny, note]) =>
        `      policy: {\n        range: ">=1.0.0"${deny === "" ? note : `,${note}\n        ${deny}`}\n      }\n`,
    ),
  fc.tuple(denyText("        "), comment, loneComment, fc.boolean()).map(([deny, note, lone, isFirst]) => {
    const range = `        range: ">=1.0.0"${note}\n`;
    return `      policy:${note}\n${isFirst ? deny + lone + range : range + lone + deny}`;
  }),
);

const space = fc.constantFrom(" ", "", "  ");
const markerText = fc.tuple(space, space, space).map(
  ([before, inside, after]) =>
    (name: string, field: string) =>
      `${before} #${inside}{${after}"$imagepolicy":${inside}"flux-system:${name}:${field}"${after}}`,
);

/** A tenant's entry with its comments, all in lines of its own. */
const entry = (name: string, automation: string) =>
  fc
    .tuple(
      quote,
      fc.boolean(),
      policyText,
      markerText,
      comment,
      fc.array(loneComment, { minLength: 3, maxLength: 3 }),
      fc.boolean(),
    )
    .map(([q, hasDigest, policy, marker, note, [one = "", two = "", three = ""], isLast]) => {
      const end = (field: string) => (automation === "manual" ? note : marker(name, field));
      const tag = `      tag: ${q}1.0.0${q}${end("tag")}\n`;
      const digest = hasDigest ? `      digest: ${q}${digestOf("a")}${q}${end("digest")}\n` : "";
      const values = `      image: registry.example.com/${name}${note}\n      chart: ./charts/${name}\n`;
      const head = `    ${name}:${note}\n      repository: https://git.example.com/${name}\n`;
      return isLast
        ? head + policy + one + values + two + tag + digest + three
        : head + one + values + tag + digest + two + policy + three;
    });

const flowEntry = (name: string, automation: string) =>
  fc
    .tuple(
      quote,
      fc.constantFrom(`, policy: {range: ">=1.0.0"}`, `, policy: { range: ">=1.0.0", deny: [] }`),
      markerText,
      fc.boolean(),
    )
    .map(([q, policy, marker, isWide]) => {
      const end = automation === "manual" ? "" : marker(name, "tag");
      const keys = `repository: https://git.example.com/${name}, image: registry.example.com/${name}, chart: ./charts/${name}`;
      return isWide
        ? `    ${name}: {\n      ${keys}${policy},\n      tag: ${q}1.0.0${q}${end}\n    }\n`
        : `    ${name}: { ${keys}, tag: ${q}1.0.0${q}${policy} }${end}\n`;
    });

/** A stack file in parts: what is before the tenants, each tenant, and what comes after. */
const stackText = fc
  .tuple(
    fc.constantFrom("auto", "pull-request", "manual"),
    fc.constantFrom("\n", "\r\n"),
    fc.boolean(),
    fc.constantFrom("", "  other:key: {a: 1}\n"),
  )
  .chain(([automation, newline, hasEnd, tail]) =>
    fc
      .tuple(
        ...["alpha", "beta", "gamma"].map((name) => fc.oneof(entry(name, automation), flowEntry(name, automation))),
      )
      .map((entries) => {
        const head =
          "# The decisions\nconfig:\n  shared-authority:follow: tags\n  shared-authority:configRepository: {url: https://git.example.com/shared}\n" +
          `  shared-authority:defaults:\n    policy: {automation: ${automation}}\n  shared-authority:tenants:\n`;
        const parts = [head, ...entries, tail].map((part) => part.replaceAll("\n", newline));
        if (!hasEnd) {
          const last = parts.findLastIndex((part) => part !== "");
          parts[last] = (parts[last] ?? "").replace(/(?:\r?\n)+$/, "");
        }
        return parts;
      }),
  );

const names = ["alpha", "beta", "gamma"] as const;
const verbs = ["pin", "unpin", "deny", "allow", "promote", "rollback", "hold", "resume"] as const;
const step = fc.record({
  verb: fc.constantFrom(...verbs),
  tenant: fc.nat(2),
  version: fc.constantFrom("1.0.1", "1.0.2", "1.0.3", "1.1.0", "1.2.0"),
  until: fc.option(fc.constant("2099-01-31"), { nil: undefined }),
});

describe("any sequence of verbs on any stack file", () => {
  const root = temporaryDirectory();
  const configOf = (stack: StackFile) => stackConfigOf({ root: root(), stack });

  it("leaves a valid file, and every byte that is not the verb's business", () => {
    fc.assert(
      fc.property(stackText, fc.array(step, { maxLength: 8 }), (original, steps) => {
        const parts = [...original];
        for (const { verb, tenant: index, version, until } of steps) {
          const name = names[index] ?? "alpha";
          const file = parseStackFile("prod", parts.join(""));
          const config = configOf(file);
          const tenant = config.tenants.find((one) => one.name === name)!;
          const { pin, deny, hold } = tenant.policy;
          // The verbs refuse to touch the version of a held tenant, and its markers.
          if (hold !== undefined && !["deny", "allow", "resume"].includes(verb)) continue;
          const before = parts[index + 1]!;
          // Exactly one part may change: a last line without end gets one by what follows it in the same part.
          const apply = (next: StackFile): string => {
            const after = configOf(next).tenants.find((one) => one.name === name)!;
            assert.deepEqual(
              configOf(next)
                .tenants.filter((one) => one !== after && one.name !== name)
                .map(withoutLine),
              config.tenants.filter((one) => one.name !== name).map(withoutLine),
            );
            const [start, end] = [parts.slice(0, index + 1).join(""), parts.slice(index + 2).join("")];
            assert.ok(next.text.startsWith(start) && next.text.endsWith(end), next.text);
            assert.equal(next.text.replaceAll("\r\n", "").includes("\r"), false);
            if (file.text.includes("\r\n")) assert.doesNotMatch(next.text, /(?<!\r)\n/);
            parts[index + 1] = next.text.slice(start.length, next.text.length - end.length);
            return parts[index + 1]!;
          };
          if (verb === "pin" && pin === undefined) {
            const next = withPin(file, name, { reason: 'because: "x" # y, {z}', by: "ana", until });
            assert.ok(isWithin(parked(before), parked(apply(next))));
            assert.doesNotMatch(parts[index + 1]!, /"\$imagepolicy"/);
            const pinned = configOf(next).tenants.find((one) => one.name === name)!;
            assert.deepEqual(pinned.policy.pin, {
              reason: 'because: "x" # y, {z}',
              by: "ana",
              ...(until && { until }),
            });
            assert.equal(withoutPin(next, { config: configOf(next), tenant: pinned }).text, file.text);
          } else if (verb === "unpin" && pin !== undefined) {
            assert.ok(isWithin(parked(apply(withoutPin(file, { config, tenant }))), parked(before)));
          } else if (verb === "deny" && !isDenied(deny, version) && tenant.tag !== version) {
            const next = withDenied(file, name, version);
            assert.ok(isWithin(before, apply(next)));
            assert.equal(withoutDenied(next, name, version).text, file.text);
          } else if (verb === "allow" && isDenied(deny, version)) {
            const next = withoutDenied(file, name, version);
            assert.ok(isWithin(apply(next), before));
            const left = configOf(next).tenants.find((one) => one.name === name)!.policy.deny;
            assert.deepEqual(
              left,
              deny.filter((one) => one !== version),
            );
          } else if (verb === "promote" && version !== tenant.tag) {
            assert.equal(
              versionless(apply(withRelease(file, tenant, version, releaseOf(version)))),
              versionless(before),
            );
          } else if (verb === "hold") {
            const next = withHold(file, name, { reason: "load: test", by: "ana", until });
            assert.ok(isWithin(parked(before), parked(apply(next))));
            assert.doesNotMatch(parts[index + 1]!, /"\$imagepolicy"/);
            const held = configOf(next).tenants.find((one) => one.name === name)!;
            assert.deepEqual(held.policy.hold, { reason: "load: test", by: "ana", ...(until && { until }) });
            assert.equal(withoutHold(next, { config: configOf(next), tenant: held }).text, file.text);
          } else if (verb === "resume" && hold !== undefined) {
            assert.ok(isWithin(parked(apply(withoutHold(file, { config, tenant }))), parked(before)));
          } else if (verb === "rollback" && version !== tenant.tag && !isDenied(deny, version)) {
            const current = tenant.tag!;
            const target = withRelease(file, tenant, version, releaseOf(version));
            const next = withRollback(target, { tenant }, { current, reason: 'leaks: "x" # y', by: "ben" });
            apply(next);
            const rolledBack = configOf(next).tenants.find((one) => one.name === name)!;
            assert.equal(rolledBack.tag, version);
            assert.ok(isDenied(rolledBack.policy.deny, current));
            if (tenant.policy.automation !== "manual") assert.notEqual(rolledBack.policy.pin, undefined);
            assert.doesNotMatch(parts[index + 1]!, /"\$imagepolicy"/);
            // `unpin`, `allow` and `promote` take it back, apart from a pin and a denial that were there before.
            if (pin !== undefined || isDenied(deny, current)) continue;
            const isPinned = rolledBack.policy.pin !== undefined;
            const unpinned = isPinned ? withoutPin(next, { config: configOf(next), tenant: rolledBack }) : next;
            const allowed = withoutDenied(unpinned, name, current);
            const evidence = { images: [{ reference: "x", digest: tenant.digest }] };
            assert.equal(withRelease(allowed, tenant, current, evidence).text, file.text);
          }
        }
      }),
      { numRuns: 120, includeErrorInReport: true },
    );
  });

  it("adds, renames and removes a tenant, and leaves the others as they are", () => {
    fc.assert(
      fc.property(stackText, fc.nat(2), (parts, index) => {
        const name = names[index] ?? "alpha";
        const file = parseStackFile("prod", parts.join(""));
        const { tenants } = configOf(file);
        const [start, own = "", end] = [
          parts.slice(0, index + 1).join(""),
          parts[index + 1],
          parts.slice(index + 2).join(""),
        ];
        const othersOf = (stack: StackFile) =>
          configOf(stack)
            .tenants.filter((one) => ![name, "delta", "omega"].includes(one.name))
            .map(withoutLine);
        const others = tenants.filter((one) => one.name !== name).map(withoutLine);
        const tenant = tenants.find((one) => one.name === name)!;
        const newline = file.text.includes("\r\n") ? "\r\n" : "\n";
        const assertNewlines = ({ text }: StackFile) =>
          assert.deepEqual(
            text.match(/\r?\n/g)?.every((one) => one === newline),
            true,
          );

        const added = withValue(file, ["tenants", "delta"], { tag: "1.0.0", policy: { range: ">=1.0.0" } });
        assertNewlines(added);
        assert.ok(isWithin(file.text, added.text));
        assert.equal(entryAt(added, ["tenants", "delta", "tag"]) !== undefined, true);
        assert.equal(withoutKey(added, ["tenants", "delta"]).text, file.text);

        const next = renamed(file, tenant, "omega", () => false);
        assertNewlines(next);
        assert.ok(next.text.startsWith(start) && next.text.endsWith(end), next.text);
        const renamedPart = next.text.slice(start.length, next.text.length - end.length);
        assert.ok(isWithin(own.replace(`${name}:`, "omega:"), renamedPart), renamedPart);
        const after = configOf(next).tenants.find((one) => one.name === "omega")!;
        assert.deepEqual(
          { ...withoutLine(after), name, formerly: undefined },
          { ...withoutLine(tenant), formerly: undefined },
        );
        assert.equal(after.formerly, name);
        assert.deepEqual(othersOf(next), others);
        const again = renamed(next, after, "delta", () => false);
        assert.equal(again.text, next.text.replace("    omega:", "    delta:"));

        const removed = withoutTenant(file, tenant, { reason: 'because: "x" # y', by: "ana" });
        assertNewlines(removed);
        assert.deepEqual(othersOf(removed), others);
        assert.deepEqual(configOf(removed).removed, {
          [name]: { namespace: name, by: "ana", reason: 'because: "x" # y' },
        });
        const undeclared = withoutKey(removed, ["removed", name]);
        const declaration = `${newline}  shared-authority:removed: {}`;
        assert.ok(undeclared.text.includes(declaration), undeclared.text);
        const left = undeclared.text.replace(declaration, "");
        assert.ok(isWithin(left, file.text), left);
        assert.ok(left.startsWith(start.trimEnd()) && left.trimEnd().endsWith(end.trimEnd()), left);
      }),
      { numRuns: 80, includeErrorInReport: true },
    );
  });
});

const releaseOf = (version: string) => ({
  images: [{ reference: "x", digest: digestOf(version.replaceAll(".", "").slice(0, 1)) }],
});

/** The text without what a release decides. */
const versionless = (text: string) => text.replace(/(tag: ["'])[^"']*/, "$1").replace(/(digest: ["'])[^"']*/, "$1");

const withoutLine = <Value extends { readonly line: number }>(value: Value) => ({ ...value, line: 0 });

function parked(text: string): string {
  return text.replace(/#(\s*\{\s*)"\$imagepolicy"/g, '# pinned:$1"imagepolicy"');
}

/** Whether the characters of a text are all in another one, in their order. */
function isWithin(part: string, whole: string): boolean {
  let found = 0;
  for (const one of whole) if (one === part[found]) found += 1;
  return found === part.length;
}
