// The product's binary has what its façades declare, and nothing else: no class that tests alone need.

import {readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {native} from '../../addon/index.ts';
import {ROOT} from '../support/command.ts';
import {testAddon} from '../support/test-addon.ts';

/** The methods of an exported interface: lines with two blanks before the name. */
function methodsOf(file: string, name: string): string[] {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  const body = text.split(new RegExp(`export interface ${name}\\b[^{]*\\{`))[1]!.split('\n}')[0]!;
  return [...body.matchAll(/^ {2}(\w+)\(/gm)].map(([, method]) => method!);
}

test('the addon exports what its façades declare', (t) => {
  const declared = [
    ...methodsOf('addon/router.ts', 'RouterNative'),
    ...methodsOf('addon/rtnetlink.ts', 'RtnetlinkNative'),
    ...methodsOf('addon/agent.ts', 'AgentNative'),
  ];
  t.true(declared.length > 20, declared.join(' '));
  t.deepEqual(Object.keys(native).sort(), [...new Set(declared)].sort());
});

test('what tests alone need is in their own addon, and not linked into the product', (t) => {
  t.deepEqual(Object.keys(testAddon as object), ['MemoryRouter', 'policySchema']);
  const product = process.env['COSCANET_ADDON'] ?? path.join(ROOT, 'build/native/coscanet.node');
  t.false(readFileSync(product).includes('MemoryDevice'));
});
