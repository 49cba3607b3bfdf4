// Commands that are only written down; answers by prefix of the command line.

import type {Exec} from '../../router/base/exec.ts';

export class FakeExec implements Exec {
  readonly commands: string[] = [];
  readonly inputs: string[] = [];
  /** Command line prefix → stdout, or an Error to reject with. */
  readonly answers = new Map<string, string | Error>();

  run(command: string, args: readonly string[], input = ''): Promise<string> {
    const line = [command, ...args].join(' ');
    this.commands.push(line);
    this.inputs.push(input);
    const answer = [...this.answers].find(([prefix]) => line.startsWith(prefix))?.[1] ?? '';
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }
}
