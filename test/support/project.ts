import { join } from "node:path";
import { copyProject, type ScratchProject } from "../../demo/scratch-project";

/** Absolute path of this project's folder. */
export const projectRoot = join(__dirname, "..", "..");

/**
 * Copies this project to a new Git repository, with links to the installed packages.
 *
 * @param directory an existing folder for the new folder `project`
 */
export async function scratchProject(directory: string): Promise<ScratchProject> {
  return copyProject({ root: projectRoot, directory: join(directory, "project") });
}
