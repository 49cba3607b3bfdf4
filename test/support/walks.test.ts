// What check-walks.ts takes for a name, and for a definition.

import test from 'ava';
import {defines, faultOf, namesIn, walksOf} from './walks.ts';

test('a walk is a section whose heading says so, up to the next heading of its rank', (t) => {
  const text = '# A\n`no()`\n## The walk of a packet\n`A::b`\n### Part\n`c()`\n## Other\n`d()`\n';
  t.deepEqual(walksOf(text).map(namesIn), [['A::b', 'c()']]);
  t.deepEqual(walksOf('## A walk\n```\n# no heading\nA::b → c()\n```\n').map(namesIn), [['A::b', 'c()']]);
});

test('words between backticks that are no names are none', (t) => {
  const walk = '`core/a.cc: run` `--flag` `a word` `Registry.put` `value` `Supervisor.#report` `README.md`';
  t.deepEqual(namesIn(walk), ['core/a.cc: run', 'Registry.put', 'Supervisor.#report']);
});

const DEFINITIONS: [string, string][] = [
  ['Verdict Pipeline::classify(Packet& p) {', 'classify'],
  ['static int bind_by_agent(int fd) {', 'bind_by_agent'],
  ['__attribute__((visibility("default"))) int bind(int fd) {', 'bind'],
  ['  virtual void send(Frame* f) = 0;', 'send'],
  ['export function nodeConfigFor(', 'nodeConfigFor'],
  ['  put(name: string): PutOutcome {', 'put'],
  ['  async start(\n    a: string,\n    b: number,\n  ): Promise<void> {', 'start'],
  ['  apply(plan: DesiredState): Applied;', 'apply'],
  ['const wayTo = (address: string) => 1;', 'wayTo'],
];
for (const [text, name] of DEFINITIONS) test(`defines: ${text}`, (t) => t.true(defines(text, name)));

const CALLS: [string, string][] = [
  ['  return memcpy(a, b, c);', 'memcpy'],
  ['  memcpy(a,\n    b);', 'memcpy'],
  ['  if (full) drop(x);', 'drop'],
  ['  items.forEach((item) => {', 'forEach'],
  ['  await start(\n    a,\n  );', 'start'],
];
for (const [text, name] of CALLS) test(`does not define: ${text}`, (t) => t.false(defines(text, name)));

test('a file is sought from the README, then from the root, then by its end', (t) => {
  const sources = new Map([
    ['addon/core/a.cc', 'int run() {'],
    ['router/a.ts', 'class Registry {\n  put(): void {\n'],
  ]);
  t.is(faultOf('core/a.cc: run', 'addon', sources), null);
  t.is(faultOf('addon/core/a.cc: run', 'router', sources), null);
  t.is(faultOf('a.cc: run', 'shim', sources), null);
  t.is(faultOf('a.cc: walk', 'addon', sources), 'a.cc does not define it');
  t.is(faultOf('b.cc: run', 'addon', sources), 'no such file');
  t.is(faultOf('Registry.put', 'router', sources), null);
  t.is(faultOf('Registry.get', 'router', sources), 'no such method');
  t.is(faultOf('run()', 'router', sources), null);
  t.is(faultOf('Registry::put', 'router', sources), null);
  t.is(faultOf('walk()', 'router', sources), 'no such function');
});
