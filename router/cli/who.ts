// Who sits at this command line, for others to see what was set by whom.

import {hostname, userInfo} from 'node:os';

interface Where {
  env: Readonly<Record<string, string | undefined>>;
  /** The user's name as the host knows it; throws if it knows none. */
  account: () => string;
  host: string;
}

const here: Where = {env: process.env, account: () => userInfo().username, host: hostname()};

/** "alice@host1", also where alice is root by sudo; "uid 1000@host1" for a user without a name. */
export function whoAmI({env, account, host}: Where = here): string {
  return `${env['SUDO_USER'] ?? named(account) ?? env['USER'] ?? `uid ${process.getuid?.()}`}@${host}`;
}

function named(account: () => string): string | null {
  try {
    return account();
  } catch {
    return null;
  }
}
