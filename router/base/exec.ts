// The host's own commands (ip, nft) as an argument, so that everything above can be tried without a host.

import {spawn} from 'node:child_process';
import {codeOf, messageOf, UserError} from './error.ts';

export interface Exec {
  /** Runs to the end; resolves with stdout. Rejects with what the command wrote to stderr. */
  run(command: string, args: readonly string[], input?: string): Promise<string>;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The system's own commands in plain English, whatever our caller's PATH holds (npm puts another nft there). */
const env = {
  ...process.env,
  PATH,
  LC_ALL: 'C',
};

function notRun(command: string, error: unknown): UserError {
  const reasons: Record<string, string> = {
    ENOENT: `is not installed (looked for in ${PATH})`,
    EACCES: `cannot be executed (looked for in ${PATH})`,
  };
  return new UserError(`command ${command} ${reasons[codeOf(error)] ?? `does not run: ${messageOf(error)}`}`);
}

function run(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {env, stdio: ['pipe', 'pipe', 'pipe']});
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.on('error', (error) => reject(notRun(command, error)));
    child.on('close', (status) => {
      if (status === 0) resolve(stdout);
      else reject(new Error(`${[command, ...args].join(' ')}: ${stderr.trim() || `exit status ${status}`}`));
    });
    // A command that ends without reading its input is judged by its exit status.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Rejects with a UserError that names the first of these commands (with arguments that change nothing) that fails. */
export async function requireCommands(
  exec: Exec,
  commands: readonly (readonly [string, string])[],
): Promise<void> {
  for (const [command, argument] of commands)
    try {
      await exec.run(command, [argument]);
    } catch (error) {
      throw new UserError(messageOf(error));
    }
}

export const systemExec: Exec = {run};
