/** Lets concurrent readers share open repositories. */
import { withRepository, type GitOptions, type GitRepository } from "./git";

/** Runs `use` on the open repository. The first user opens it, and the last one closes it. */
export type UseRepository = <Result>(
  repository: string,
  use: (git: GitRepository) => Promise<Result>,
) => Promise<Result>;

interface Session {
  readonly opened: Promise<GitRepository>;
  readonly close: () => Promise<void>;
  users: number;
}

/** Each repository is open at most once. */
export function createSharedRepositories(options: GitOptions): UseRepository {
  const sessions = new Map<string, Session>();
  return async (repository, use) => {
    const session = sessions.get(repository) ?? openSession(repository, options);
    sessions.set(repository, session);
    session.users += 1;
    try {
      return await use(await session.opened);
    } finally {
      session.users -= 1;
      if (session.users === 0) {
        sessions.delete(repository);
        await session.close();
      }
    }
  };
}

function openSession(repository: string, options: GitOptions): Session {
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let closed: Promise<void> = Promise.resolve();
  const opened = new Promise<GitRepository>((resolve, reject) => {
    const use = (git: GitRepository) => {
      resolve(git);
      return finished;
    };
    // The users get the error from `opened`; closing has nothing to add.
    closed = withRepository(repository, options, use).catch((error: unknown) => reject(error as Error));
  });
  const close = async () => {
    finish();
    await closed;
  };
  return { opened, close, users: 0 };
}
