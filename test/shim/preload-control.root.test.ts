// Control messages of a NAT-mode socket under libcoscanet.so: the virtual address for the program, the physical one
// for the kernel; under glibc and under musl. A socket without a tag: as without the library.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {must} from '../support/command.ts';
import {runScripted, sourceFile} from './support.ts';
import type {Answer} from './support.ts';

const {EFAULT, ENETUNREACH, ENOBUFS} = os.constants.errno;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coscanet-control-'));
const program = (libc: string) => path.join(folder, libc);
const VIP = '10.77.0.100';
const NODE = '127.0.0.9';
const tagged: Answer = {errno: 0, reason: '', virtual: {vip: VIP, port: 53}};
const plain: Answer = {errno: 0, reason: ''};

test.before(async () => {
  for (const libc of ['glibc', 'musl']) {
    const compiler = libc === 'musl' ? 'musl-gcc' : 'gcc';
    await must([compiler, '-Wall', '-Werror', '-o', program(libc), sourceFile('control.c')]);
  }
});
test.after.always(() => fs.rmSync(folder, {recursive: true, force: true}));

for (const libc of ['glibc', 'musl']) {
  const lines = async (family: string, answer: Answer) => {
    const outcome = await runScripted({command: [program(libc), family, VIP], answers: [answer]});
    return outcome.stdout.trim().split('\n');
  };

  for (const family of ['4', '6']) {
    const shown = (address: string, port: string) => {
      const mapped = family === '6' ? ` to ::ffff:${address}` : '';
      const told = ['type 2', `local ${address} to ${address}`, `first to ${address}:${port}`];
      return told.join(' ') + mapped;
    };

    test(`${libc}: IPv${family}: where a datagram came to, and where one leaves from`, async (t) => {
      const [one, ...rest] = await lines(family, tagged);
      const sorted = (line: string | undefined) => (line ?? '').split(/ (?=type|local|to|first)/).toSorted();
      t.deepEqual(sorted(one), sorted(`recvmsg: 5 77 ${shown(VIP, '53')}`));
      const many = rest.splice(0, 2);
      for (const line of many) t.deepEqual(sorted(line), sorted(`recvmmsg: 2 77 ${shown(VIP, '53')}`));
      t.deepEqual(rest, [
        'sendmsg: 16 77 physical by 9',
        'from the node address: 16 77 physical by 9',
        `from nobody's: -1 ${ENETUNREACH}`,
        'sendmmsg: 4 77 physical by 9 physical by 9 physical by 9 physical by 9',
        '16 16 16 16 until the first that fails: 1 77 physical by 9',
        `that one: -1 ${ENETUNREACH}`,
        ...(libc === 'glibc' ? [`bad pointer: -1 ${EFAULT}`] : []),
        `too long: -1 ${ENOBUFS}`,
      ]);
    });

    test(`${libc}: IPv${family}: a socket without a tag`, async (t) => {
      const all = await lines(family, plain);
      t.true(all[0]?.includes(`local ${NODE} to ${NODE}`), all[0]);
      t.regex(all[0] ?? '', /first to 127\.0\.0\.9:40\d\d/);
      t.is(all[3], `sendmsg: -1 ${ENETUNREACH}`, 'nobody here has the virtual address');
      t.is(all[4], 'from the node address: 16 77 physical by 9');
    });
  }
}
