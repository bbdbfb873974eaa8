/**
 * Writes what is generated from the schema: `node --require tsx/cjs src/config/generate-schema.ts`, in the project's folder.
 * A test fails where a committed file is stale.
 */
import { join } from "node:path";
import { sync as writeFileAtomic } from "write-file-atomic";
import { configurationReference, projectFileJsonSchema, stackFileJsonSchema } from "./configuration-reference";

/** Each generated file, relative to the project's folder, with its content. */
export const generatedFiles: Readonly<Record<string, () => string>> = {
  "project.schema.json": projectFileJsonSchema,
  "stack.schema.json": stackFileJsonSchema,
  "docs/configuration.md": configurationReference,
};

if (require.main === module) {
  for (const [path, content] of Object.entries(generatedFiles)) {
    writeFileAtomic(join(process.cwd(), path), content());
    console.log(`wrote ${path}`);
  }
}
