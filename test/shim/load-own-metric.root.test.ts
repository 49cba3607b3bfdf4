// The application's own number: over the socket, by the command, in a file; whose it is, and how it ages.

import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {loadSchema} from '../../router/protocol/load.ts';
import {OwnMetric, numberInFile} from '../../shim/agent/load/own-metric.ts';
import {FakeClock} from '../router/fake-clock.ts';
import {server} from './programs.ts';
import {Bed, nodeCommand, nodeConfigFor, web} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const rules = loadSchema.parse({'own-age': 10});

/** Numbers of three processes: 1 and 2 are instances of web, 3 of mail, all others of nobody. */
function numbers() {
  const clock = new FakeClock();
  const applications = ['', 'web', 'web', 'mail'];
  const own = new OwnMetric(
    {
      ofProcess: (pid) => {
        const application = applications[pid];
        return application === undefined ? null : {application, folder: `/${pid}`};
      },
      cgroupOf: () => '/system.slice',
    },
    clock,
  );
  const say = (pid: number, text: string): string => {
    let answer = '';
    own.take({pid, text, reply: (given) => (answer = given)});
    return answer;
  };
  return {clock, own, say};
}

test('the mean of the instances, the last number of each, as long as it is young', async (t) => {
  const {clock, own, say} = numbers();
  t.is(own.of('web', rules), null);
  t.deepEqual([say(1, '40'), say(1, '60\n'), say(3, '7.5')], ['ok', 'ok', 'ok']);
  t.is(own.of('web', rules), 60);
  await clock.advance(6000);
  say(2, '20');
  t.is(own.of('web', rules), 40);
  await clock.advance(6000);
  t.is(own.of('web', rules), 20);
  t.is(own.of('mail', rules), null);
});

test('what is no number, and who is no instance, is told so', (t) => {
  const {own, say} = numbers();
  for (const text of ['', 'busy', '1e9', 'NaN', '0x10', '1,5', '9'.repeat(64)]) {
    t.regex(say(1, text), /is no number: write 73 or 0\.5$/);
  }
  t.is(say(9, '5'), 'process 9 (cgroup /system.slice) is no instance of an application');
  t.is(own.of('web', rules), null);
});

test('a file counts as an instance, while it is written again and again', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cosca-own-'));
  t.teardown(() => fs.rmSync(folder, {recursive: true}));
  const file = path.join(folder, 'load');
  const now = Date.now();
  t.is(numberInFile(file, 10, now), null, 'not there');
  fs.writeFileSync(file, '12.5\n');
  t.is(numberInFile(file, 10, now), 12.5);
  t.is(numberInFile(file, 10, now + 11_000), null, 'old');
  fs.writeFileSync(file, 'much');
  t.is(numberInFile(file, 10, now), null);
  t.is(numberInFile(folder, 10, now), null, 'a folder');
  const pipe = path.join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  t.is(numberInFile(pipe, 10, now), null, 'a pipe');
});

const bed = new Bed();
const file = path.join(bed.folder, 'load');
const load = loadSchema.parse({
  metrics: {own: {low: 10, medium: [20, 30], high: 40, file}},
  interval: 0.2,
  smoothing: 0,
  dwell: 0,
  'own-age': 1,
});

test.before(async () => {
  await bed.up(nodeConfigFor([{...web, load}]));
  await bed.startAgent();
});

test.after.always(() => bed.down());

const levelIs = (level: string | undefined, since: number) =>
  bed.waitForPut(`level ${level}`, ({levels}) => levels?.['web'] === level, since);

test.serial('an instance says how busy it is; nothing said, nothing known', async (t) => {
  const program = bed.start(server(80));
  await bed.waitForPut('endpoint', ({endpoints}) => endpoints.length === 1);
  // As any program would, without an address for answers.
  const speaker = bed.start([
    '/usr/bin/python3',
    '-c',
    `import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for i in range(10):
  s.sendto(b'25', '\\0coscanet-load')
  time.sleep(0.2)`,
  ]);
  const since = Date.now();
  const {time} = await levelIs('medium', since);
  t.is(await speaker.end(), 0);
  await levelIs(undefined, time);
  const command = bed.start(['/bin/sh', '-c', `${nodeCommand} load 73 && sleep 1`]);
  const told = await levelIs('high', time);
  t.is(await command.end(), 0);
  await levelIs(undefined, told.time);
  fs.writeFileSync(file, '3');
  await levelIs('low', told.time);
  await program.kill();
});

test.serial('the command says what is wrong', async (t) => {
  const outside = bed.spawnInNode(nodeCommand, ['load', '5']);
  t.is(await outside.end(), 1);
  t.regex(
    outside.stderr,
    /^coscanet-node load: process \d+ \(cgroup .*\) is no instance of an application\n$/,
  );
  const word = bed.start([nodeCommand, 'load', 'much']);
  t.is(await word.end(), 1);
  t.is(word.stderr, 'coscanet-node load: "much" is no number: write 73 or 0.5\n');
  const nothing = bed.spawnInNode(nodeCommand, ['load']);
  t.is(await nothing.end(), 2);
  t.is(nothing.stderr, 'coscanet-node load: expected one number (see --help)\n');
  const elsewhere = bed.spawnInRouter(nodeCommand, ['load', '5']);
  t.is(await elsewhere.end(), 1);
  await waitUntil('its complaint', 5000, () => elsewhere.stderr !== '');
  t.is(elsewhere.stderr, 'coscanet-node load: no agent runs in this network namespace\n');
});
