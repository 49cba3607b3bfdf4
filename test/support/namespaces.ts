// Network namespaces of a test, wires between them, and that all of it goes, however the test ends.

import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {cleanUpWith, cleanedUp} from './clean-up.ts';
import {must} from './command.ts';

/** The sanitizer's runtime is for the addon; other programs run without. */
export const PLAIN = {LD_PRELOAD: ''};
const REMOVE = 'test/support/remove.sh';
let count = 0;

export interface End<Host extends string> {
  host: Host;
  interface: string;
  mac?: string;
}

export class Namespaces<Host extends string = string> {
  /** Unique on this machine. The cgroup of this name below the root of cgroup v2 goes as well. */
  readonly name: string;
  /** For files; it goes as well. */
  readonly folder: string;

  /** `kind`: a word for what they are. */
  constructor(kind: string) {
    count += 1;
    this.name = `cosca-${kind}-${process.pid}-${count}`;
    this.folder = mkdtempSync(path.join(tmpdir(), `${this.name}-`));
    cleanUpWith(this.name, `${REMOVE} ${this.name} ${this.folder}`);
  }

  of(host: Host): string {
    return `${this.name}-${host}`;
  }

  async add(...hosts: Host[]): Promise<void> {
    for (const host of hosts) {
      await must(['ip', 'netns', 'add', this.of(host)], undefined, PLAIN);
      await this.ip(host, 'link', 'set', 'lo', 'up');
    }
  }

  /** A cable between two hosts, both of whose ends are up. */
  async wire(a: End<Host>, b: End<Host>): Promise<void> {
    const address = ({mac}: End<Host>) => (mac === undefined ? [] : ['address', mac]);
    const peer = ['peer', 'name', b.interface, ...address(b), 'netns', this.of(b.host)];
    await this.ip(a.host, 'link', 'add', a.interface, ...address(a), 'type', 'veth', ...peer);
    for (const end of [a, b]) await this.ip(end.host, 'link', 'set', end.interface, 'up');
  }

  /** A command as it runs in a host: `ip netns exec` would hide /sys/fs/cgroup, nsenter does not. */
  inside(host: Host, command: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.of(host)}`, ...command];
  }

  /** Runs a command in a host and returns what it printed. Throws if it fails. */
  async in(host: Host, ...command: string[]): Promise<string> {
    return (await must(this.inside(host, command), undefined, PLAIN)).stdout;
  }

  async ip(host: Host, ...words: string[]): Promise<string> {
    return (await must(['ip', '-n', this.of(host), ...words], undefined, PLAIN)).stdout;
  }

  /** Ends all that runs in them, and removes them, their cgroup and their folder. */
  async remove(): Promise<void> {
    await must([REMOVE, this.name, this.folder], undefined, PLAIN);
    cleanedUp(this.name);
  }
}
