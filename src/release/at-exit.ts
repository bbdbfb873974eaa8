const waiting = new Set<() => void>();

/**
 * Runs `clear` when the process ends, what was asked for last first. One listener serves all who wait, however many
 * they are.
 *
 * @param clear synchronous: nothing else runs any more. Its failure is nobody's: the exit code has been decided
 * @returns takes it back
 */
export function atExit(clear: () => void): () => void {
  if (waiting.size === 0) process.on("exit", clearAll);
  waiting.add(clear);
  return () => {
    waiting.delete(clear);
    if (waiting.size === 0) process.removeListener("exit", clearAll);
  };
}

function clearAll(): void {
  for (const clear of [...waiting].reverse()) {
    try {
      clear();
    } catch {
      // What cannot be cleared away must not keep the rest from being so.
    }
  }
}
