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
  /** The Secrets that belong to no tenant, with the key that names each. */
  readonly platformSecrets: ReadonlyMap<unknown, string>;
  /** A Secret whose name begins with one of these is the tenant's. */
  readonly tenants: ReadonlySet<string>;
}

/** The Secrets of a stack that belong to no tenant, with the key that names each. */
export function platformSecretsOf(settings: Readonly<Record<string, unknown>>): ReadonlyMap<unknown, string> {
  const keys = ["alerts", "receivers.registry", "receivers.configRepository", "configRepository"];
  return new Map(
    keys.flatMap((key) => {
      const secret = valueAt(settings, [...key.split("."), "secret"]);
      return secret === undefined ? [] : [[secret, `${key}.secret`] as const];
    }),
  );
}

/** All stacks but this one. A file that cannot be read is left out: it is reported when its own stack is read. */
export function readOtherStacks(root: string, stack: string): OtherStack[] {
  return listStacks(root)
    .filter((other) => other !== stack)
    .flatMap((other) => {
      try {
        const settings = settingsOf(readStackFile(root, other));
        const { authorityNamespace, tenants } = settings;
        return [
          {
            stack: other,
            authorityNamespace,
            platformSecrets: platformSecretsOf(settings),
            tenants: objectNamesOf(tenants),
          },
        ];
      } catch (error) {
        if (error instanceof ProblemsError) return [];
        throw error;
      }
    });
}
