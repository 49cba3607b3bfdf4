// Commands that are only written down; answers by prefix of the command line.

import type {Exec, Follower} from '../../router/base/exec.ts';

export class FakeExec implements Exec {
  readonly commands: string[] = [];
  readonly inputs: string[] = [];
  /** Command line prefix → stdout, or an Error to reject with. */
  readonly answers = new Map<string, string | Error>();
  #followers: {onLine: (line: string) => void; onEnd: () => void}[] = [];

  run(command: string, args: readonly string[], input = ''): Promise<string> {
    const line = [command, ...args].join(' ');
    this.commands.push(line);
    this.inputs.push(input);
    const answer = [...this.answers].find(([prefix]) => line.startsWith(prefix))?.[1] ?? '';
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }

  follow(
    command: string,
    args: readonly string[],
    onLine: (line: string) => void,
    onEnd: () => void,
  ): Follower {
    this.commands.push([command, ...args].join(' '));
    const follower = {onLine, onEnd};
    this.#followers.push(follower);
    return {stop: () => void (this.#followers = this.#followers.filter((one) => one !== follower))};
  }

  get following(): number {
    return this.#followers.length;
  }

  /** A line from every command that goes on. */
  say(line: string): void {
    for (const follower of this.#followers) follower.onLine(line);
  }

  /** The commands that go on end by themselves. */
  end(): void {
    const ended = this.#followers;
    this.#followers = [];
    for (const follower of ended) follower.onEnd();
  }
}
