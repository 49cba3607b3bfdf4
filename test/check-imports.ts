// Imports point one way. router/: base < model < policy, config < provider, health < control, metrics <
// supervisor, cli < the entries
// (router/*.ts); siblings of one rank do not know each other. The interface files that bind the parts together
// (router/control/{protocol,views,terms,load,health}.ts and addon/*.ts) may be imported from everywhere. Of router/ the
// agent uses base/ and the secret file; router/ knows nothing of shim/. addon/src/core knows neither Node nor the
// kernel.
// Prints one line per violation; status 1 if there is one.

import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';

const RANKS: Record<string, number> = {
  base: 0,
  model: 1,
  policy: 2,
  config: 2,
  provider: 3,
  health: 3,
  control: 4,
  metrics: 4,
  supervisor: 5,
  cli: 5,
};
const ENTRY_RANK = 6;
const CONTRACTS = /^(router\/control\/(protocol|views|terms|load|health)|addon\/[a-z]+)\.ts$/;
const CORE_HEADERS = new Set(
  'algorithm array atomic climits cstddef cstdint cstdlib cstring functional iterator limits memory new optional string_view tuple type_traits utility vector'.split(
    ' ',
  ),
);

const root = path.resolve(import.meta.dirname, '../../..');

function filesBelow(folder: string, ending: RegExp): string[] {
  return readdirSync(path.join(root, folder), {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

function* importsOf(file: string): Generator<string> {
  const text = readFileSync(path.join(root, file), 'utf8');
  for (const match of text.matchAll(/\bfrom '(\.[^']+)'|\bimport\('(\.[^']+)'\)/g))
    yield path.join(path.dirname(file), match[1] ?? match[2] ?? '');
}

function problem(file: string, target: string): string | null {
  if (CONTRACTS.test(target)) return null;
  const [part = '', folder = ''] = file.split('/');
  const [targetPart = '', targetFolder = ''] = target.split('/');
  if (part === 'addon') return targetPart === 'addon' ? null : 'the addon knows none of its users';
  if (part === 'shim') {
    if (targetPart === 'shim' || /^router\/(base\/|config\/secret)/.test(target)) return null;
    return 'of router/ the agent uses base/, the secret file and the control protocol only';
  }
  if (targetPart !== 'router') return 'the router does not know the nodes';
  const rank = folder.endsWith('.ts') ? ENTRY_RANK : RANKS[folder];
  const targetRank = RANKS[targetFolder];
  if (rank === undefined || targetRank === undefined)
    return 'give the folder a rank in test/check-imports.ts';
  if (folder === targetFolder || targetRank < rank) return null;
  return `${folder} must not depend on ${targetFolder}`;
}

function* coreProblems(): Generator<string> {
  for (const file of filesBelow('addon/src/core', /\.(cc|h)$/)) {
    const text = readFileSync(path.join(root, file), 'utf8');
    for (const [, , system, own] of text.matchAll(/^#include (<([^>]+)>|"([^"]+)")/gm)) {
      if (system !== undefined && !CORE_HEADERS.has(system))
        yield `${file}: <${system}>: the core is bytes in, bytes out`;
      if (own !== undefined && !own.startsWith('core/'))
        yield `${file}: "${own}": the core knows no other part`;
    }
  }
}

const problems = [...coreProblems()];
for (const file of ['router', 'shim/agent', 'addon'].flatMap((folder) => filesBelow(folder, /\.ts$/))) {
  for (const target of importsOf(file)) {
    const why = problem(file, target);
    if (why !== null) problems.push(`${file} imports ${target}: ${why}`);
  }
}
for (const line of problems) console.log(line);
process.exitCode = problems.length === 0 ? 0 : 1;
