// What really goes over the links of a testbed: one capture at the far end of each cable for what its host sends, so
// that every frame is there once, as it left its sender; read by tshark.

import {readFileSync} from 'node:fs';
import path from 'node:path';
import {run} from './command.ts';
import {waitUntil} from './wait.ts';
import type {Running} from './command.ts';
import type {Testbed} from './testbed.ts';

/** Where what `interface` of `host` sends comes in. */
export interface Link {
  host: string;
  interface: string;
  /** The other end: a port of the switch, or a host. */
  far: {host: string; interface: string};
}

export interface Frame {
  /** Which link it was sent on. */
  link: Link;
  number: number;
  source: string;
  /** "eth:ethertype:ip:tcp:http" */
  protocols: string;
  /** Of every header with a checksum, also those inside ICMP errors as far as they are whole. */
  checksums: Checksum[];
}

type Checksum = 'good' | 'bad' | 'unknown';

const STATUS_FIELDS = ['ip', 'icmp', 'tcp', 'udp'].map((name) => `${name}.checksum.status`);
const ICMP_HEADERS = 28;

/** The fields of one frame, as tshark prints them, without those that cannot be checked. */
function checksumsOf([ip = '', icmp = '', tcp = '', udp = '']: string[], lengths: string): Checksum[] {
  const [outer = 0, inner = 0] = lengths.split(',').map(Number);
  // Of the packet that an ICMP error quotes the end is often missing: then the sum over it says nothing.
  const quoted = inner > outer - ICMP_HEADERS ? [] : [tcp, udp];
  const codes = [ip, icmp, ...quoted].flatMap((text) => text.split(',')).filter(Boolean);
  return codes.map((code) => (code === '0' ? 'bad' : code === '1' ? 'good' : 'unknown'));
}

async function interfaces(bed: Testbed, host: string): Promise<{name: string; mac: string}[]> {
  const text = await bed.in(host, ['ip', '-o', 'link', 'show']);
  return [...text.matchAll(/^\d+: (eth\d+)[@:].* link\/ether (\S+)/gm)].map((match) => ({
    name: match[1] ?? '',
    mac: match[2] ?? '',
  }));
}

export class Captures {
  readonly #bed: Testbed;
  readonly #links: Link[];
  readonly #running: Running[];
  /** MAC addresses by "host interface". */
  readonly macs: ReadonlyMap<string, string>;

  private constructor(bed: Testbed, links: Link[], macs: Map<string, string>) {
    this.#bed = bed;
    this.#links = links;
    this.macs = macs;
    this.#running = links.map((link, i) => {
      const output = ['-U', '-w', this.#file(i), '-s', '0', '-B', '65536', '-Z', 'root'];
      return bed.start(link.far.host, ['tcpdump', '-Q', 'in', '-n', '-i', link.far.interface, ...output]);
    });
  }

  /** Captures on all links between these hosts; every host but the last of `chain` is on the switch. */
  static async start(bed: Testbed, onSwitch: string[], chain: string[]): Promise<Captures> {
    const links: Link[] = [];
    const macs = new Map<string, string>();
    const add = (host: string, name: string, far: Link['far']) => links.push({host, interface: name, far});
    for (const host of new Set([...onSwitch, ...chain]))
      for (const {name, mac} of await interfaces(bed, host)) {
        macs.set(`${host} ${name}`, mac);
        if (onSwitch.includes(host) && !(chain.includes(host) && name === 'eth1'))
          add(host, name, {host: 'switch', interface: `${host}-${name}`});
      }
    chain.slice(1).forEach((host, i) => {
      const before = chain[i] ?? '';
      add(before, 'eth1', {host, interface: 'eth0'});
      add(host, 'eth0', {host: before, interface: 'eth1'});
    });
    const captures = new Captures(bed, links, macs);
    await waitUntil('all captures run', 10_000, () =>
      captures.#running.every((one) => one.stderr.includes('listening on')),
    );
    return captures;
  }

  #file(index: number): string {
    return path.join(this.#bed.folder, `capture-${index}.pcap`);
  }

  /** Ends the captures. Throws if one of them missed a frame. */
  async stop(): Promise<Frame[]> {
    for (const one of this.#running) {
      const {stderr} = await this.#bed.stop(one, 'SIGINT');
      if (!/^0 packets dropped by kernel/m.test(stderr))
        throw new Error(`a capture missed frames: ${stderr}`);
    }
    const files = this.#links.map((_link, i) => this.#file(i));
    const all = path.join(this.#bed.folder, 'captures.pcapng');
    await must(['mergecap', '-I', 'none', '-w', all, ...files]);
    return this.#read(all);
  }

  async #read(file: string): Promise<Frame[]> {
    const fields = [
      'frame.interface_id',
      'frame.number',
      'eth.src',
      'frame.protocols',
      'ip.len',
      ...STATUS_FIELDS,
    ];
    const table = path.join(this.#bed.folder, 'frames.txt');
    const checks = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
    const words = [
      'tshark',
      '-n',
      '-r',
      file,
      ...checks,
      '-T',
      'fields',
      ...fields.flatMap((one) => ['-e', one]),
    ];
    await must(['sh', '-c', 'exec "$@" >"$0"', table, ...words]);
    const lines = readFileSync(table, 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => {
      const [link = '', number = '', source = '', protocols = '', lengths = '', ...statuses] =
        line.split('\t');
      const of = this.#links[Number(link)];
      if (of === undefined) throw new Error(`no such link: ${line}`);
      const checksums = checksumsOf(statuses, lengths);
      return {link: of, number: Number(number), source, protocols, checksums};
    });
  }
}

async function must(command: string[]): Promise<void> {
  const {status, stderr} = await run(command, 60_000);
  if (status !== 0) throw new Error(`${command[0]}: ${stderr}`);
}
