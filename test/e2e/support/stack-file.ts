import assert from "node:assert/strict";
import type { Application } from "./application";
import { type Fixture, stackFile } from "./fixture";

/**
 * Opens a stack file for changes. `declare` writes, commits and pushes it with the given tenants and tags; it declares
 * that the others are removed.
 *
 * @param stack its file must have all tenants, in this order
 */
export async function openStackFile(fixture: Fixture, stack: string, applications: readonly Application[]) {
  const text = await fixture.project.read(stackFile(stack));
  const starts = applications.map(({ name }) => text.indexOf(`    ${name}:`));
  assert.ok(starts.every((start) => start > 0));
  const salt = text.slice(text.indexOf("\nencryptionsalt:") + 1);
  assert.ok(salt.startsWith("encryptionsalt:"));
  const entries = new Map(
    applications.map((application, index) => {
      const end = starts[index + 1] ?? text.indexOf("\nencryptionsalt:") + 1;
      return [application, text.slice(starts[index], end)];
    }),
  );
  return {
    async declare(tags: ReadonlyMap<Application, string>): Promise<void> {
      const declared = [...tags].map(([application, tag]) =>
        String(entries.get(application)).replace(/tag: "[^"]+"/, `tag: "${tag}"`),
      );
      const head = text.slice(0, starts[0]);
      const gone = applications
        .filter((application) => !tags.has(application))
        .map(({ name }) => `    ${name}: { namespace: ${name}, by: Ada, reason: nobody uses it }\n`);
      const removed = gone.length === 0 ? "" : `  shared-authority:removed:\n${gone.join("")}`;
      await fixture.commit("Change the tenants", {
        [stackFile(stack)]:
          head.replace("  shared-authority:tenants:", `${removed}  shared-authority:tenants:`) +
          declared.join("") +
          salt,
      });
    },
  };
}
