// Durations as people write them.

import test from 'ava';
import {formatDuration, parseDuration} from '../../router/protocol/duration.ts';

test('durations', (t) => {
  for (const [text, seconds] of [
    ['30', 30],
    ['2h15m', 8100],
    ['1d1s', 86401],
  ] as const) {
    t.is(parseDuration(text), seconds);
    t.is(parseDuration(formatDuration(seconds)), seconds);
  }
  for (const text of ['', 'h', '-1', '1.5h', '15m2h', '3 s']) t.is(parseDuration(text), null, text);
});
