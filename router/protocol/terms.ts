// The terms of messages, views and rules.

import {z} from 'zod';
import {parseDuration} from './duration.ts';

export const protocolSchema = z.enum(['tcp', 'udp']);
export type Protocol = z.infer<typeof protocolSchema>;

/** How busy a node is for an application. */
export const levelSchema = z.enum(['low', 'medium', 'high']);
export type Level = z.infer<typeof levelSchema>;

export const modeSchema = z.enum(['dsr', 'nat']);
export type Mode = z.infer<typeof modeSchema>;

/** Of nodes, applications, tenants. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'use lower-case letters, digits and dashes, at most 63');

export const portSchema = z.number().int().min(1).max(65535);

/** "80" to "80", "8000" to "8999": inclusive. */
export const portRangeSchema = z.strictObject({
  protocol: protocolSchema,
  first: portSchema,
  last: portSchema,
});
export type PortRange = z.infer<typeof portRangeSchema>;

export function containsPort(ranges: readonly PortRange[], protocol: Protocol, port: number): boolean {
  return ranges.some((range) => range.protocol === protocol && range.first <= port && port <= range.last);
}

/** "80/tcp", "8000-8999/tcp" */
export function formatRange(range: PortRange): string {
  const span = range.first === range.last ? `${range.first}` : `${range.first}-${range.last}`;
  return `${span}/${range.protocol}`;
}

export function formatPorts(ranges: readonly PortRange[]): string {
  return ranges.map(formatRange).join(', ');
}

/** Seconds, as a number (0.5) or as people write them ("2h15m"), between `least` and `most`. */
export function secondsSchema(least: number, most: number) {
  return z.union([z.number(), z.string()]).transform((value, context): number => {
    const seconds = typeof value === 'number' ? value : parseDuration(value);
    if (seconds !== null && seconds >= least && seconds <= most) return seconds;
    const message = `"${value}" is not a duration from ${least}s to ${most}s: write 5, 0.5 or 5s`;
    context.addIssue({code: 'custom', message});
    return z.NEVER;
  });
}
