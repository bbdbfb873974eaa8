/** Repositories that several readers use at once: each is opened once, and closed when the last of them is done. */
import { withRepository, type GitOptions, type GitRepository } from "./git";

/** Runs `use` on the open repository; who comes while it is open shares it. */
export type UseRepository = <Result>(
  repository: string,
  use: (git: GitRepository) => Promise<Result>,
) => Promise<Result>;

interface Session {
  readonly opened: Promise<GitRepository>;
  readonly close: () => void;
  readonly closed: Promise<void>;
  users: number;
}

/** What a branch holds is read once while the repository is open. */
export function createSharedRepositories(options: GitOptions): UseRepository {
  const sessions = new Map<string, Session>();
  return async (repository, use) => {
    let session = sessions.get(repository);
    if (session === undefined) {
      session = openSession(repository, options);
      sessions.set(repository, session);
    }
    session.users += 1;
    try {
      return await use(await session.opened);
    } finally {
      session.users -= 1;
      if (session.users === 0) {
        sessions.delete(repository);
        session.close();
        await session.closed;
      }
    }
  };
}

function openSession(repository: string, options: GitOptions): Session {
  let close: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    close = resolve;
  });
  let closed: Promise<void> = Promise.resolve();
  const opened = new Promise<GitRepository>((resolve, reject) => {
    const use = (git: GitRepository) => {
      resolve(rememberCommits(git));
      return done;
    };
    // A failure to open is told to the users; the closing itself has nothing to add to it.
    closed = withRepository(repository, options, use).catch((error: unknown) => reject(error as Error));
  });
  return { opened, close, closed, users: 0 };
}

function rememberCommits(git: GitRepository): GitRepository {
  const commitsByBranch = new Map<string, Promise<ReadonlySet<string>>>();
  return {
    ...git,
    readCommits: (branch) => {
      const known = commitsByBranch.get(branch) ?? git.readCommits(branch);
      commitsByBranch.set(branch, known);
      return known;
    },
  };
}
