// Runs AVA on compiled tests and appends one line per test to a results file, in the form that test/run.sh
// counts: "ok TITLE", "not ok TITLE" or "skip TITLE". AVA's own closing counts are not to be trusted (a todo
// counts as failed, a file that does not parse shows failures beside passes), hence the lines.
//
//   node build/js/test/run-ava.js RESULTS LABEL test/router test/network/udp.test.ts …
//
// The arguments are test files or folders of the sources: a compiled test whose source is gone is never run.

import {spawn} from 'node:child_process';
import {appendFileSync, readdirSync, statSync} from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

const root = path.resolve(import.meta.dirname, '../../..');
const ava = path.join(root, 'node_modules/ava/entrypoints/cli.mjs');

function testFiles(source: string): string[] {
  if (!statSync(path.join(root, source)).isDirectory()) return [source];
  return readdirSync(path.join(root, source), {recursive: true, encoding: 'utf8'})
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join(source, file))
    .sort();
}

interface Outcome {
  kind: 'ok' | 'not ok' | 'skip';
  title: string;
}

/** A TAP result line, or null for all else. Lines of a diagnostic block are indented. */
function outcomeOf(line: string): Outcome | null {
  const match = /^(not )?ok \d+(?: - )?(.*)$/.exec(line);
  if (match === null) return null;
  const [, not, text = ''] = match;
  const directive = /^(.*?) *# (?:SKIP|TODO)\b/i.exec(text);
  if (directive !== null) return {kind: 'skip', title: directive[1] ?? ''};
  return {kind: not === undefined ? 'ok' : 'not ok', title: text};
}

/**
 * Prints lines as they come, but of a failed test first its diagnostic block, which says what is wrong, and then its
 * comments: a network test's are everything that it ran.
 */
class Printer {
  #comments: string[] | null = null;

  print(line: string, outcome: Outcome | null): void {
    if (this.#comments !== null && (line === '' || line.startsWith('#'))) {
      this.#comments.push(line);
      return;
    }
    if (outcome !== null) this.flush();
    console.log(line);
    if (outcome?.kind === 'not ok') this.#comments = [];
    else if (line === '  ...') this.flush();
  }

  flush(): void {
    for (const comment of this.#comments ?? []) console.log(comment);
    this.#comments = null;
  }
}

async function run(results: string, label: string, files: string[]): Promise<number> {
  const record = (outcome: Outcome) =>
    appendFileSync(results, `${outcome.kind} ${label}: ${outcome.title}\n`);
  const compiled = files.map((file) => path.join('build/js', file.replace(/\.ts$/, '.js')));
  const child = spawn(process.execPath, [ava, '--tap', '--serial', ...compiled], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = new Promise<number>((resolve) => {
    child.on('close', (code) => resolve(code ?? 1));
  });
  const printer = new Printer();
  let failed = 0;
  let seen = 0;
  for await (const line of readline.createInterface({input: child.stdout})) {
    const outcome = outcomeOf(line);
    printer.print(line, outcome);
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
    return 1;
  }
  return status;
}

const [results, label, ...sources] = process.argv.slice(2);
if (results === undefined || label === undefined || sources.length === 0) {
  console.error('usage: run-ava.js RESULTS LABEL FILE-OR-FOLDER…');
  process.exitCode = 2;
} else {
  process.exitCode = await run(results, label, sources.flatMap(testFiles));
}
