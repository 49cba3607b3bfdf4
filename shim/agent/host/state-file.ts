// What must survive the agent: how the host was before it came, its port blocks, its epoch, and where the router
// told it to bind. One JSON file in the run directory, valid for one boot and one network namespace; written before the
// host is changed.

import fs from 'node:fs';
import path from 'node:path';
import {z} from 'zod';
import {UserError, codeOf, messageOf} from '../../../router/base/error.ts';
import {portBlockSchema} from '../../../router/protocol/messages.ts';
import type {PortBlock} from '../../../router/protocol/messages.ts';

const contentSchema = z.object({
  boot: z.string(),
  namespace: z.number(),
  pid: z.number().int().positive(),
  epoch: z.number().int().positive(),
  /** Path below /proc/sys → the value before, and the agent's. */
  sysctls: z.record(z.string(), z.object({before: z.string(), ours: z.string()})),
  blocks: z.array(portBlockSchema).default([]),
  /** Where NAT-mode sockets are, if the router has said so: the next agent must find them before the router's first answer. */
  address: z.string().optional(),
});
type Content = z.infer<typeof contentSchema>;
export type SavedSysctls = Content['sysctls'];

/** Is `pid` a living agent? A pid is used again some time, a program's arguments tell. */
export function isAgent(pid: number): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('agent');
  } catch {
    return false;
  }
}

export class StateFile {
  readonly #file: string;
  readonly #content: Content;
  /** The agent that wrote the file found at the start, 0 if there was none. */
  readonly previousPid: number;

  /** Adopts what an earlier agent of this node left in `folder`, if it is of this boot and namespace. */
  constructor(folder: string, node: string) {
    this.#file = path.join(folder, `agent-${node}.json`);
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = fs.statSync('/proc/self/ns/net').ino;
    const found = this.#read();
    const fits = found !== null && found.boot === boot && found.namespace === namespace;
    this.previousPid = fits ? found.pid : 0;
    this.#content = {
      boot,
      namespace,
      pid: process.pid,
      // Epochs grow even if the clock was set back.
      epoch: Math.max(Date.now(), (found?.epoch ?? 0) + 1),
      sysctls: fits ? found.sysctls : {},
      blocks: fits ? found.blocks : [],
      ...(fits && found.address !== undefined ? {address: found.address} : {}),
    };
  }

  get epoch(): number {
    return this.#content.epoch;
  }

  get sysctls(): SavedSysctls {
    return this.#content.sysctls;
  }

  setSysctls(sysctls: SavedSysctls): void {
    this.#content.sysctls = sysctls;
    this.write();
  }

  get address(): string | undefined {
    return this.#content.address;
  }

  setAddress(address: string | undefined): void {
    if (address === this.#content.address) return;
    if (address === undefined) delete this.#content.address;
    else this.#content.address = address;
    this.write();
  }

  get blocks(): readonly PortBlock[] {
    return this.#content.blocks;
  }

  setBlocks(blocks: readonly PortBlock[]): void {
    this.#content.blocks = [...blocks];
    this.write();
  }

  write(): void {
    try {
      fs.mkdirSync(path.dirname(this.#file), {recursive: true});
      fs.writeFileSync(`${this.#file}.new`, `${JSON.stringify(this.#content, null, 2)}\n`, {mode: 0o600});
      fs.renameSync(`${this.#file}.new`, this.#file);
    } catch (error) {
      throw new UserError(`cannot write ${this.#file}: ${messageOf(error)}`);
    }
  }

  remove(): void {
    fs.rmSync(this.#file, {force: true});
    try {
      fs.rmdirSync(path.dirname(this.#file));
    } catch {
      // Others keep files there.
    }
  }

  #read(): Content | null {
    try {
      const parsed = contentSchema.safeParse(JSON.parse(fs.readFileSync(this.#file, 'utf8')));
      return parsed.success ? parsed.data : null;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return null;
      throw new UserError(`cannot read ${this.#file}: ${messageOf(error)}`);
    }
  }
}
