// npm run bench [-- CASE…] [--quick]: measures, prints a table of each case, keeps all numbers in build/perf/CASE.json
// and draws the figures beside them.

import {existsSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {Command, InvalidArgumentError} from 'commander';
import {measure} from './bench.ts';
import type {Case} from './bench.ts';
import {cases} from './cases/index.ts';
import {HostsLab} from './lab/hosts-lab.ts';
import {clearLeftovers, TestbedLab} from './lab/lab.ts';
import type {Lab} from './lab/lab.ts';
import {draw} from './report/figure.ts';
import {beforeTable} from './report/before.ts';
import {BASE} from './report/columns.ts';
import {publish} from './report/publish.ts';
import {before, setups} from './setups/index.ts';
import type {Setup} from './setups/setup.ts';

interface Options {
  quick?: boolean;
  rounds?: number;
  setups?: string;
  out: string;
  list?: boolean;
  hosts?: string;
  vip?: string;
  inside?: string;
  ssh: string;
  publish?: boolean;
  against?: string;
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 1000)
    throw new InvalidArgumentError('a number from 1 to 1000, please');
  return number;
}

function choose(names: readonly string[]): readonly Case[] {
  for (const name of names)
    if (!cases.some((one) => one.name === name))
      throw new Error(`no case "${name}"; there are: ${cases.map((one) => one.name).join(', ')}`);
  return names.length === 0 ? cases : cases.filter((one) => names.includes(one.name));
}

/** Those named, and direct, beside which all stand; with `against`, each of ours is followed by that checkout's. */
function chooseSetups(names: string | undefined, against: string | null): readonly Setup[] {
  const wanted = names?.split(',') ?? setups.map(({name}) => name);
  for (const name of wanted)
    if (!setups.some((setup) => setup.name === name))
      throw new Error(`no set-up "${name}"; there are: ${setups.map((setup) => setup.name).join(', ')}`);
  const chosen = setups.filter(({name}) => name === BASE || wanted.includes(name));
  if (against === null) return chosen;
  return chosen.flatMap((setup) => (setup.ours ? [setup, before(setup, against)] : [setup]));
}

/** Its root, absolute; refused unless it is built. */
function checkoutAt(folder: string, hosts: string | undefined): string {
  if (hosts !== undefined) throw new Error('--against is for the testbed: real hosts have one checkout');
  const root = resolve(folder);
  const needed = join(root, 'build/native/coscanet.node');
  if (!existsSync(needed))
    throw new Error(`${root} is no built checkout: ${needed} is missing; topology/build.sh`);
  return root;
}

async function labOf({hosts, vip, inside, ssh}: Options, signal: AbortSignal): Promise<Lab> {
  if (hosts === undefined) {
    const alone = vip !== undefined ? '--vip' : inside !== undefined ? '--inside' : null;
    if (alone !== null) throw new Error(`${alone} goes with --hosts: it names real machines' networks`);
    return new TestbedLab(signal);
  }
  if (vip === undefined) throw new Error('--hosts needs --vip: a free address of the outer network');
  return HostsLab.reach({hosts, vip, inside, ssh}, signal, (line) => console.error(line));
}

async function measureAll(chosen: readonly Case[], options: Options, signal: AbortSignal): Promise<void> {
  await clearLeftovers();
  const {quick = false, rounds = null, out} = options;
  const against = options.against === undefined ? null : checkoutAt(options.against, options.hosts);
  const run = {quick, rounds, out, against, setups: chooseSetups(options.setups, against)};
  const lab = await labOf(options, signal);
  const failed: string[] = [];
  try {
    for (const one of chosen) {
      if (one.testbedOnly && options.hosts !== undefined) {
        console.log(`\n${one.name} is left out: it needs the one clock of a testbed`);
        continue;
      }
      console.log(`\n## ${one.name}: ${one.title}\n`);
      try {
        const result = await measure(one, lab, run, signal);
        for (const figure of one.figures?.(result) ?? []) await draw(figure, out);
        const tables = [one.table(result), beforeTable(result)].filter((text) => text !== null);
        console.log(`${tables.join('\n\n')}\n\n${result.seconds} s; ${out}/${one.name}.json`);
      } catch (error) {
        signal.throwIfAborted();
        console.error(`${one.name}: ${error instanceof Error ? error.message : String(error)}`);
        failed.push(one.name);
      }
    }
  } finally {
    await lab.end();
  }
  if (failed.length > 0) throw new Error(`failed: ${failed.join(', ')}`);
}

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => interruption.abort(new Error('interrupted')));

const program = new Command('npm run bench --')
  .argument('[case...]', 'which to measure; all if none is named')
  .option('--quick', 'few and short rounds: shows that it works, not how fast it is')
  .option('--rounds <n>', 'in place of what each case would choose', positive)
  .option('--setups <names>', 'only these and direct: dsr,nat,mac,dnat,haproxy,nginx')
  .option('--out <folder>', 'of results and figures', 'build/perf')
  .option('--list', 'name the cases, and end')
  .option('--hosts <names>', 'real machines, as ssh knows them: client=root@a,router=root@b,node=root@c')
  .option('--vip <address>', 'with --hosts: a free address of the network that router and node are on')
  .option('--inside <network>', "with --hosts: the router's network to the node, if it is another")
  .option('--ssh <command>', 'with --hosts', 'ssh -o BatchMode=yes')
  .option('--against <checkout>', 'measure another built checkout beside this one, in the same rounds')
  .option('--publish', 'measure nothing: put the results there are into perf/results and perf/README.md')
  .action(async (names: string[], options: Options) => {
    const chosen = choose(names);
    if (options.list) for (const one of chosen) console.log(`${one.name.padEnd(12)} ${one.title}`);
    else if (options.publish) await publish(chosen, options.out);
    else await measureAll(chosen, options, interruption.signal);
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = interruption.signal.aborted ? 130 : 1;
}
