// Programs that the bench starts.

import test from 'ava';
import {Program, run} from '../../perf/exec.ts';
import type {Host} from '../../perf/lab/host.ts';
import {CleanupStack} from '../../perf/lab/cleanup-stack.ts';

test('a program that is not there says so, and ends nothing else', async (t) => {
  // In a process of its own: AVA forgives a rejection that somebody takes later.
  const script = `import {Program} from '${new URL('../../perf/exec.js', import.meta.url).href}';
const program = new Program(['/nowhere/program']);
while (program.lastWords === null) await new Promise((resolve) => setTimeout(resolve, 10));
console.log(program.lastWords);
await program.stop();`;
  t.regex(await run(['node', '--input-type=module', '-e', script]), /^spawn .*ENOENT\n$/);
});

test('what cannot be put back keeps nothing else from it', async (t) => {
  const done: string[] = [];
  const host = (name: string, fails: boolean): Host => ({
    name,
    run: (command) => {
      done.push(`${name}: ${command.join(' ')}`);
      return fails ? Promise.reject(new Error(`${name} is gone`)) : Promise.resolve('');
    },
    start: (command) => new Program(command),
  });
  const cleanUp = new CleanupStack();
  cleanUp.add(host('a', false), ['first']);
  cleanUp.add(host('b', true), ['second']);
  cleanUp.add(host('c', false), ['third']);
  await t.throwsAsync(cleanUp.all(), {message: 'b is gone'});
  t.deepEqual(done, ['c: third', 'b: second', 'a: first']);
});
