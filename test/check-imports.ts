// Imports point one way. router/: base < protocol < model < policy, config < provider, metrics <
// supervisor < api < daemon, cli < the entry (router/main.ts); siblings of one rank do not know each other. Of router/,
// supervisor, api, metrics and cli know of the data plane router/provider/provider.ts only; the others may import the
// addon's types. The agent uses router/base/ and router/protocol/, and of the addon addon/agent.ts, and tells modes
// apart in shim/agent/mode only; router/ and addon/ know nothing of shim/.
// addon/src: abi < core < host < device, node < js; core knows neither Node nor the kernel.
// Prints one line per violation; status 1 if there is one.

import {readFileSync} from 'node:fs';
import path from 'node:path';
import {filesBelow, root} from './support/source-files.ts';

const RANKS: Record<string, number> = {
  base: 0,
  protocol: 1,
  model: 2,
  policy: 3,
  config: 3,
  provider: 4,
  metrics: 4,
  supervisor: 5,
  api: 6,
  daemon: 7,
  cli: 7,
};
const ENTRY_RANK = 8;
/** What each folder of addon/src may include of the others. */
const NATIVE_LAYERS: Record<string, readonly string[]> = {
  abi: [],
  core: ['abi'],
  host: ['abi', 'core'],
  device: ['abi', 'core', 'host'],
  node: ['abi', 'core', 'host'],
  js: ['abi', 'core', 'host', 'device', 'node'],
};
const CORE_HEADERS = new Set(
  'algorithm array atomic climits cstddef cstdint cstdlib cstring functional iterator limits memory new optional string_view tuple type_traits utility vector'.split(
    ' ',
  ),
);

function* importsOf(file: string): Generator<string> {
  const text = readFileSync(path.join(root, file), 'utf8');
  for (const match of text.matchAll(/\bfrom '(\.[^']+)'|\bimport\('(\.[^']+)'\)/g))
    yield path.join(path.dirname(file), match[1] ?? match[2] ?? '');
}

/** What each part may know besides itself; index.ts binds the addon's binary. */
const ADDON_OF_ROUTER = /^addon\/(index|router|rtnetlink)\.ts$/;
const KNOWN_TO_AGENT = /^(router\/(base|protocol)\/|addon\/(index|agent)\.ts$)/;

/** They decide and show, whatever moves the packets. */
const WITHOUT_DATA_PLANE = /^router\/(supervisor|api|metrics|cli)\//;
const DATA_PLANE = /^(addon\/|router\/provider\/(?!provider\.ts$))/;

function problem(file: string, target: string): string | null {
  const [part = '', folder = ''] = file.split('/');
  const [targetPart = '', targetFolder = ''] = target.split('/');
  if (part === 'addon') return targetPart === 'addon' ? null : 'the addon knows none of its users';
  if (part === 'shim') {
    if (targetPart === 'shim' || KNOWN_TO_AGENT.test(target)) return null;
    return 'the agent knows router/base, router/protocol and addon/agent.ts only';
  }
  if (WITHOUT_DATA_PLANE.test(file) && DATA_PLANE.test(target))
    return 'of the data plane only router/provider/provider.ts is known here';
  if (ADDON_OF_ROUTER.test(target)) return null;
  if (targetPart !== 'router') return 'the router does not know the nodes';
  const rank = folder.endsWith('.ts') ? ENTRY_RANK : RANKS[folder];
  const targetRank = RANKS[targetFolder];
  if (rank === undefined || targetRank === undefined)
    return 'give the folder a rank in test/check-imports.ts';
  if (folder === targetFolder || targetRank < rank) return null;
  return `${folder} must not depend on ${targetFolder}`;
}

/** Headers of devices: whoever drives one knows device.h, and only who makes one knows its kind. */
const deviceHeaders = filesBelow('addon/src/device', /\.h$/)
  .filter((file) => readFileSync(path.join(root, file), 'utf8').includes(': public Device'))
  .map((file) => file.replace('addon/src/', ''));

function* nativeProblems(): Generator<string> {
  for (const file of filesBelow('addon/src', /\.(cc|h)$/)) {
    const folder = file.split('/')[2] ?? '';
    const below = NATIVE_LAYERS[folder];
    if (below === undefined) yield `${file}: give the folder a layer in test/check-imports.ts`;
    const text = readFileSync(path.join(root, file), 'utf8');
    for (const [, , system, own] of text.matchAll(/^#include (<([^>]+)>|"([^"]+)")/gm)) {
      if (folder === 'core' && system !== undefined && !CORE_HEADERS.has(system))
        yield `${file}: <${system}>: the core is bytes in, bytes out`;
      const target = own?.split('/')[0] ?? folder;
      if (target !== folder && below?.includes(target) === false)
        yield `${file}: "${own}": ${folder} must not depend on ${target}`;
      const isItsOwn = own === file.replace('addon/src/', '').replace(/\.cc$/, '.h');
      if (folder === 'device' && own !== undefined && deviceHeaders.includes(own) && !isItsOwn)
        yield `${file}: "${own}": devices do not know each other, nor the loop a device`;
    }
  }
}

/** What follows from the router's mode is in one folder of the agent: nothing else names a mode. */
function* modeProblems(): Generator<string> {
  for (const file of filesBelow('shim/agent', /\.ts$/)) {
    if (file.startsWith('shim/agent/mode/')) continue;
    const lines = readFileSync(path.join(root, file), 'utf8').split('\n');
    for (const [index, line] of lines.entries())
      if (/['"`](dsr|nat)['"`]/.test(line))
        yield `${file}:${index + 1}: modes are told apart in shim/agent/mode only`;
  }
}

const problems = [...nativeProblems(), ...modeProblems()];
for (const file of ['router', 'shim/agent', 'addon'].flatMap((folder) => filesBelow(folder, /\.ts$/))) {
  for (const target of importsOf(file)) {
    const why = problem(file, target);
    if (why !== null) problems.push(`${file} imports ${target}: ${why}`);
  }
}
for (const line of problems) console.log(line);
process.exitCode = problems.length === 0 ? 0 : 1;
