// The shape of `affinity` in the configuration file, and what must hold beyond it.

import {z} from 'zod';
import type {Application} from '../model/application/application.ts';
import {formatPorts, formatRange, normalizePorts, subtractPorts} from '../protocol/ports.ts';
import {defaultAffinity} from '../model/application/affinity.ts';
import type {Affinity} from '../model/application/affinity.ts';
import {formatDuration} from '../protocol/duration.ts';
import type {Problem} from './problem.ts';
import {durationSchema, portsSchema} from './values.ts';

const words = ['each', 'together'] as const;
const list = z.array(portsSchema).min(1, 'name at least one port, or write each or together');

const groups = z.unknown().transform((value, context): Affinity['ports'] => {
  const word = words.find((one) => one === value);
  if (word !== undefined) return word;
  if (Array.isArray(value)) {
    const parsed = list.safeParse(value);
    if (parsed.success) return normalizePorts(parsed.data);
    for (const {path, message} of parsed.error.issues) context.addIssue({code: 'custom', path, message});
    return z.NEVER;
  }
  const message = `"${String(value)}" is none of the valid choices: each, together, or a list as [80/tcp, 443/tcp]`;
  context.addIssue({code: 'custom', message});
  return z.NEVER;
});

export const affinitySchema = z.strictObject({
  prefix: z.number().int().min(1, 'from 1 to 32').max(32, 'from 1 to 32').default(defaultAffinity.prefix),
  timeout: durationSchema.default(defaultAffinity.timeout),
  ports: groups.prefault(defaultAffinity.ports),
});

/** Ports that shall share a node must be ports of the application. */
export function affinityProblems(applications: readonly Application[]): Problem[] {
  return applications.flatMap(({name, ports, affinity}, index) => {
    if (!affinity || !Array.isArray(affinity.ports) || !ports) return [];
    return subtractPorts(affinity.ports, ports).map((range) => ({
      path: ['applications', index, 'affinity', 'ports'],
      message: `${formatRange(range)} is not among the ports of application "${name}": ${formatPorts(ports)}`,
    }));
  });
}

export function affinityText({affinity}: Application): string {
  if (!affinity) return 'none';
  const {prefix, timeout, ports} = affinity;
  const which = Array.isArray(ports) ? formatPorts(ports) : ports;
  return `by /${prefix} for ${formatDuration(timeout)}, ports ${which}`;
}
