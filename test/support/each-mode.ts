// Tests that run in each mode, where all tests of a file share one testbed a mode.

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {MODES} from './modes.ts';
import type {ModeCase} from './modes.ts';
import {Testbed} from './testbed.ts';
import type {TestbedOptions} from './testbed.ts';

const TEST_MS = 60_000;

/** `furniture`: what was put into the testbed before the first test. */
export type Body<Furniture> = (
  t: ExecutionContext,
  bed: Testbed,
  mode: ModeCase,
  furniture: Furniture,
) => Promise<void>;

/**
 * Has a testbed built and furnished for each mode before the tests of this file, and taken down after them. Returns
 * what adds a test to them, once for each mode; they run one after the other.
 */
export function inEachMode<Furniture = void>(
  options: TestbedOptions,
  furnish: (bed: Testbed) => Promise<Furniture>,
): (title: string | ((mode: ModeCase) => string), body: Body<Furniture>) => void {
  const beds: Testbed[] = [];
  const furnished = new Map<string, [Testbed, Furniture]>();
  test.before(async () => {
    for (const {mode} of MODES) {
      const bed = await Testbed.up({...options, mode});
      beds.push(bed);
      furnished.set(mode, [bed, await furnish(bed)]);
    }
  });
  test.after.always(() => Promise.all(beds.map((bed) => bed.down())));

  return (title, body) => {
    for (const one of MODES)
      test.serial(`${one.mode}: ${typeof title === 'string' ? title : title(one)}`, async (t) => {
        t.timeout(TEST_MS);
        const [bed, furniture] = furnished.get(one.mode)!;
        t.teardown(() => (t.passed ? undefined : bed.tell((text) => t.log(text))));
        await body(t, bed, one, furniture);
      });
  };
}
