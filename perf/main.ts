// npm run bench [-- CASE…] [--quick]: measures, prints a table of each case, keeps all numbers in build/perf/CASE.json
// and draws the figures beside them.

import {Command, InvalidArgumentError} from 'commander';
import {measure} from './bench.ts';
import type {Case} from './bench.ts';
import {cases} from './cases/index.ts';
import {clearLeftovers, TestbedLab} from './lab/lab.ts';
import {draw} from './report/figure.ts';
import {publish} from './report/publish.ts';

interface Options {
  quick?: boolean;
  rounds?: number;
  out: string;
  list?: boolean;
  publish?: boolean;
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

async function measureAll(chosen: readonly Case[], options: Options, signal: AbortSignal): Promise<void> {
  await clearLeftovers();
  const {quick = false, rounds = null, out} = options;
  const lab = new TestbedLab(signal);
  const failed: string[] = [];
  try {
    for (const one of chosen) {
      console.log(`\n## ${one.name}: ${one.title}\n`);
      try {
        const result = await measure(one, lab, {quick, rounds, out}, signal);
        for (const figure of one.figures?.(result) ?? []) await draw(figure, out);
        console.log(`${one.table(result)}\n\n${result.seconds} s; ${out}/${one.name}.json`);
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
  .option('--out <folder>', 'of results and figures', 'build/perf')
  .option('--list', 'name the cases, and end')
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
