// A process inside a network namespace that watches the kernel's tables, told what to do over Node's IPC channel by
// rtnetlink.root.test.ts.

import {execFileSync} from 'node:child_process';
import {native} from '../../addon/index.ts';
import type {KernelChange, KernelTables, KernelWatcher} from '../../addon/rtnetlink.ts';

let watcher: KernelWatcher | null = null;
let heard: KernelChange[] = [];
let overflows = 0;

function dump() {
  return {
    links: native.getLinks(),
    addresses: native.getAddresses(),
    routes: native.getRoutes(254),
    rules: native.getRules(),
    neighbors: native.getNeighbors(),
  };
}
export type Tables = ReturnType<typeof dump>;
/** What came: changes in order, and at each overflow the tables as they were then. */
type Report = ({overflow: false; change: KernelChange} | {overflow: true; tables: Tables})[];
let report: Report = [];

export const actions = {
  watch(tables: KernelTables): void {
    watcher?.close();
    heard = [];
    report = [];
    overflows = 0;
    watcher = native.watchKernel(
      tables,
      (changes) => {
        heard.push(...changes);
        report.push(...changes.map((change) => ({overflow: false as const, change})));
      },
      () => {
        overflows += 1;
        report.push({overflow: true, tables: dump()});
      },
    );
  },
  close: (): void => watcher?.close(),
  /** Lines of `ip -batch`; nothing is read meanwhile. */
  change(lines: string[]): void {
    execFileSync('ip', ['-batch', '-'], {
      input: lines.join('\n'),
      env: {...process.env, LD_PRELOAD: ''},
      stdio: ['pipe', 'inherit', 'inherit'],
    });
  },
  heard: (): KernelChange[] => heard,
  overflows: (): number => overflows,
  report: (): Report => report,
  dump,
};

export interface Request {
  id: number;
  action: keyof typeof actions;
  args: unknown[];
}
export type Response = {id: number; result: unknown} | {id: number; error: string};

function handle({id, action, args}: Request): Response {
  try {
    const call = actions[action] as (...given: unknown[]) => unknown;
    return {id, result: call(...args)};
  } catch (error) {
    return {id, error: String(error)};
  }
}

process.on('message', (request: Request) => process.send!(handle(request)));
// Its channel keeps the process alive, a watcher does too.
process.on('disconnect', () => process.exit());
