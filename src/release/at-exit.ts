/**
 * Clean-up at the end of the process. The package `exit-hook` would end the process at the first SIGINT or SIGTERM; we
 * must wait for Pulumi's engine (`src/cli/running-engine.ts`).
 */
const hooks = new Set<() => void>();

/**
 * Runs `hook` when the process exits, the newest hook first. Errors are ignored: the exit code is already set.
 *
 * @param hook synchronous
 * @returns removes the hook
 */
export function atExit(hook: () => void): () => void {
  if (hooks.size === 0) process.on("exit", runHooks);
  hooks.add(hook);
  return () => {
    hooks.delete(hook);
    if (hooks.size === 0) process.removeListener("exit", runHooks);
  };
}

function runHooks(): void {
  for (const hook of [...hooks].reverse()) {
    try {
      hook();
    } catch {
      // The other hooks still run.
    }
  }
}
