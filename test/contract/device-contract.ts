// What every packet device does (addon/src/device/device.h): the cases are those of test/contract/device, one program
// that is built with the addon. Each case runs in a process of its own.

import {execFileSync} from 'node:child_process';
import path from 'node:path';
import test from 'ava';
import {ROOT, run} from '../support/command.ts';

const addon = process.env['COSCANET_ADDON'] ?? path.join(ROOT, 'build/native/coscanet.node');
const PROGRAM = path.join(path.dirname(path.resolve(addon)), 'device-contract');
/** The sanitizer's runtime that may be loaded into this process is for the addon. */
const PLAIN = {LD_PRELOAD: ''};

/** One test for each case that applies to the device; there are at least `least`. */
export function testDevice(kind: 'memory' | 'af_packet', least: number): void {
  const env = {...process.env, ...PLAIN};
  const cases = execFileSync(PROGRAM, [kind], {encoding: 'utf8', env}).trim().split('\n');
  test('the contract has its cases', (t) => {
    t.true(cases.length >= least, `${cases.length} cases`);
  });
  for (const name of cases)
    test.serial(name, async (t) => {
      const {status, signal, stdout, stderr} = await run([PROGRAM, kind, name], 60_000, PLAIN);
      t.is(status, 0, `${signal ?? ''}\n${stdout}${stderr.slice(0, 4000)}`);
    });
}
