// Runs AVA on compiled tests, one AVA for each file, and appends one line per test to a results file, in the form that
// test/run.sh counts: "ok TITLE", "not ok TITLE" or "skip TITLE", and "time SECONDS FILE" for each file. AVA's own
// closing counts are not to be trusted (a todo counts as failed, a file that does not parse shows failures beside
// passes), hence the lines.
//
//   node build/js/test/run-ava.js [--tier TIER] [--jobs N] [--unprivileged] RESULTS LABEL FILE-OR-FOLDER…
//
// The arguments are test files or folders of the sources; --tier takes of them those of one tier. --jobs: so many files
// side by side, each of whose output then comes when it has ended. --unprivileged: a test that needs root fails, also
// when it is root who runs it.

import {spawn} from 'node:child_process';
import {appendFileSync} from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import {parseArgs} from 'node:util';
import {withoutPrivileges} from './runner/privileges.ts';
import {outcomeOf, Printer} from './runner/tap.ts';
import type {Outcome} from './runner/tap.ts';
import {TIERS, testFiles} from './runner/tiers.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const ava = path.join(root, 'node_modules/ava/entrypoints/cli.mjs');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A signal asks us to end: no further file is begun. */
const interrupted = new AbortController();

interface Run {
  results: string;
  label: string;
  /** What stands before the command of each AVA. */
  before: readonly string[];
}

async function runFile({results, label, before}: Run, file: string, print: (line: string) => void) {
  const began = performance.now();
  const name = path.basename(file).replace(/\.test\.ts$/, '');
  const record = ({kind, title}: Outcome) =>
    appendFileSync(results, `${kind} ${label}: ${name} › ${title}\n`);
  const compiled = path.join('build/js', file.replace(/\.ts$/, '.js'));
  const [command, ...words] = [...before, process.execPath, ava, '--tap', '--serial', compiled];
  const child = spawn(command, words, {cwd: root, stdio: ['ignore', 'pipe', 'pipe']});
  const closed = new Promise<number>((resolve) => {
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
  const printer = new Printer(print);
  print(`# ${file}`);
  readline.createInterface({input: child.stderr}).on('line', print);
  let failed = 0;
  let seen = 0;
  for await (const line of readline.createInterface({input: child.stdout})) {
    const outcome = outcomeOf(line);
    printer.add(line, outcome);
    if (outcome === null) continue;
    seen += 1;
    if (outcome.kind === 'not ok') failed += 1;
    record(outcome);
  }
  printer.flush();
  const status = await closed;
  // AVA itself failed (a crash, nothing to run), and no test says so: that must not pass.
  if ((status !== 0 && failed === 0) || seen === 0) {
    record({kind: 'not ok', title: `AVA ended with status ${status} after ${seen} results`});
    failed += 1;
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  appendFileSync(results, `time ${seconds} ${label}: ${file}\n`);
  return failed;
}

/** Runs the files, `jobs` at a time, in their order. Returns the number of those in which a test failed. */
async function runAll(run: Run, files: readonly string[], jobs: number): Promise<number> {
  let [next, bad] = [0, 0];
  const worker = async () => {
    for (let file = files[next++]; file !== undefined && !interrupted.signal.aborted; file = files[next++]) {
      const lines: string[] = [];
      const print = jobs === 1 ? console.log : (line: string) => void lines.push(line);
      if ((await runFile(run, file, print)) > 0) bad += 1;
      if (lines.length > 0) console.log(lines.join('\n'));
    }
  };
  await Promise.all(Array.from({length: jobs}, worker));
  return bad;
}

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {tier: {type: 'string'}, jobs: {type: 'string', default: '1'}, unprivileged: {type: 'boolean'}},
});
const [results, label, ...sources] = positionals;
const tier = TIERS.find((one) => one === values.tier);
const jobs = Number(values.jobs);
// A terminal sends its signals to the tests as well: they end, and then we do.
for (const signal of SIGNALS) process.on(signal, () => interrupted.abort());

if (
  results === undefined ||
  label === undefined ||
  sources.length === 0 ||
  tier !== values.tier ||
  !(jobs >= 1)
) {
  console.error(
    `usage: run-ava.js [--tier ${TIERS.join('|')}] [--jobs N] [--unprivileged] RESULTS LABEL FILE-OR-FOLDER…`,
  );
  process.exitCode = 2;
} else {
  // A folder may lie in another that is named too, so that its files come first.
  const files = [...new Set(sources.flatMap((source) => testFiles(root, source, tier)))];
  const before = values.unprivileged === true ? withoutPrivileges(root) : [];
  const bad = await runAll({results, label, before}, files, jobs);
  process.exitCode = interrupted.signal.aborted ? 130 : bad > 0 || files.length === 0 ? 1 : 0;
}
