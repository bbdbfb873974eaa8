import { join } from "node:path";
import { copyProject, type ScratchProject } from "../../demo/scratch-project";

/** Absolute path of this project's folder. */
export const projectRoot = join(__dirname, "..", "..");

/**
 * A copy of this project, committed, with its packages linked.
 *
 * @param directory an existing folder, in which the folder `project` is made
 */
export async function scratchProject(directory: string): Promise<ScratchProject> {
  return copyProject({ root: projectRoot, directory: join(directory, "project") });
}
