/** Where a Git repository is, without asking Git. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The nearest folder, from this one upwards, that is the top of a Git work tree. The folder need not exist. */
export function workTreeOf(folder: string): string | undefined {
  for (let place = folder; ; place = dirname(place)) {
    if (existsSync(join(place, ".git"))) return place;
    if (place === dirname(place)) return undefined;
  }
}
