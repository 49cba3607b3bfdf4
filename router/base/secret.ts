// The secret that agents and remote operators show. A file that others can read, or a short one, is refused.

import {readFileSync, statSync} from 'node:fs';
import {codeOf, messageOf, UserError} from './error.ts';

export const MIN_SECRET_BYTES = 16;
const OTHERS_READ = 0o004;

/** The secret in `path`, white space trimmed. Throws a UserError (status 2) that says what is wrong. */
export function readSecret(path: string): string {
  try {
    if ((statSync(path).mode & OTHERS_READ) !== 0)
      throw new UserError(`secret file ${path} is readable by everybody: chmod 600 ${path}`, 2);
    const secret = readFileSync(path, 'utf8').trim();
    if (Buffer.byteLength(secret) < MIN_SECRET_BYTES)
      throw new UserError(`secret file ${path} holds fewer than ${MIN_SECRET_BYTES} bytes`, 2);
    return secret;
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (codeOf(error) === 'ENOENT')
      throw new UserError(
        `secret file ${path} does not exist; the control port needs one: openssl rand -hex 32 > ${path}`,
        2,
      );
    throw new UserError(`secret file ${path}: ${messageOf(error)}`, 2);
  }
}
