// The unprivileged user that forwarders run as.

import type {Exec} from '../base/exec.ts';
import {UserError} from '../base/error.ts';

export async function resolveUser(exec: Exec, user: string): Promise<{uid: number; gid: number}> {
  let line: string;
  try {
    line = await exec.run('getent', ['passwd', user]);
  } catch {
    throw new UserError(`user "${user}" for the forwarders does not exist`, 2);
  }
  const [, , uid, gid] = line.trim().split(':').map(Number);
  if (uid === undefined || gid === undefined) throw new UserError(`getent passwd ${user}: ${line.trim()}`);
  if (uid === 0) throw new UserError(`forwarders must run as an unprivileged user, not as ${user}`, 2);
  return {uid, gid};
}
