// Single values as people write them in the configuration file: durations, ports.

import {z} from 'zod';
import {parseRange} from '../protocol/ports.ts';
import type {PortRange} from '../protocol/ports.ts';
import {parseDuration} from '../protocol/duration.ts';

/** 80/tcp, 8000-8999/tcp */
export const portsSchema = z.union([z.string(), z.number()]).transform((value, context): PortRange => {
  const parsed = parseRange(String(value));
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({code: 'custom', message: parsed});
  return z.NEVER;
});

/** 30, 30s, 2h15m → seconds. */
export const durationSchema = z.union([z.string(), z.number()]).transform((value, context): number => {
  const seconds = parseDuration(String(value));
  if (seconds !== null && seconds >= 1 && seconds <= 7 * 86_400) return seconds;
  context.addIssue({
    code: 'custom',
    message: `"${value}" is not a duration from 1s to 7d: write 30, 30s or 2h15m`,
  });
  return z.NEVER;
});
