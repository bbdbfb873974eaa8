/** The names of Secrets that the project's other stacks use. */
import { ProblemsError } from "./problem";
import { objectNamesOf } from "./object-name";
import { valueAt } from "./report";
import { listStacks, readStackFile } from "./stack-file";
import { settingsOf } from "./structure";

/** What another stack of the project keeps in its authority namespace. */
export interface OtherStack {
  readonly stack: string;
  readonly authorityNamespace: unknown;
  /** The Secret by which Flux pushes. */
  readonly pushSecret: unknown;
  /** A Secret whose name begins with one of these is the tenant's. */
  readonly tenants: ReadonlySet<string>;
}

/** All stacks but this one. A file that cannot be read is left out: it is reported when its own stack is read. */
export function readOtherStacks(root: string, stack: string): OtherStack[] {
  return listStacks(root)
    .filter((other) => other !== stack)
    .flatMap((other) => {
      try {
        const { authorityNamespace, configRepository, tenants } = settingsOf(readStackFile(root, other));
        return [
          {
            stack: other,
            authorityNamespace,
            pushSecret: valueAt(configRepository, ["secret"]),
            tenants: objectNamesOf(tenants),
          },
        ];
      } catch (error) {
        if (error instanceof ProblemsError) return [];
        throw error;
      }
    });
}
