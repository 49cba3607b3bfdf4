// npm run bench -- CASE: measures, prints a table and keeps the figures in build/perf/CASE.json.

import {mkdirSync, writeFileSync} from 'node:fs';
import {cpus, release} from 'node:os';
import {Command} from 'commander';
import {sequence, sequenceTable} from './sequence.ts';

function keep(name: string, results: unknown): void {
  const folder = new URL('../../perf/', import.meta.url);
  mkdirSync(folder, {recursive: true});
  const machine = {kernel: release(), cpu: cpus()[0]?.model, cores: cpus().length, node: process.version};
  writeFileSync(new URL(`${name}.json`, folder), JSON.stringify({machine, results}, null, 2));
}

const program = new Command('npm run bench --');
program
  .command('sequence')
  .description(
    'requests one after the other on one connection: virtual IP against direct, 1 Gbit/s and not shaped',
  )
  .option('--rounds <n>', 'turns of each', '15')
  .option('--seconds <n>', 'of each turn', '2')
  .option('--size <bytes>', 'of each answer', '16384')
  .action(async (options: Record<'rounds' | 'seconds' | 'size', string>) => {
    const [rounds = 0, seconds = 0, size = 0] = [options.rounds, options.seconds, options.size].map(Number);
    if (!(rounds >= 2 && seconds >= 1 && size >= 1))
      program.error('error: numbers, please: rounds ≥ 2, seconds, size');
    const results = [];
    for (const spin of [0, 200])
      for (const rate of ['1gbit', null]) results.push(await sequence({size, rounds, seconds, rate, spin}));
    keep('sequence', results);
    console.log(sequenceTable(results));
  });
await program.parseAsync();
