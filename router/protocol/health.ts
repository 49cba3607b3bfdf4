// What an agent checks from the inside, since a stopped program still completes handshakes: per application, for
// each endpoint of it. The file that operators write and the configuration that agents get have this one form; it reads
// what it has written.
//
//   health:
//     queue: 3s                # on by default: connections wait, and none was taken for so long
//     stopped: true            # on by default: SIGSTOP, a debugger, a frozen cgroup
//     tcp: [{ports: [25/tcp]}]
//     http: [{ports: [80/tcp], path: /healthz, status: [200, 204]}]
//     command: [{ports: [5432/tcp], run: [pg-ready, --quick]}]

import {z} from 'zod';
import {parseRange} from './ports.ts';
import {portRangeSchema, secondsSchema} from './terms.ts';
import type {PortRange} from './terms.ts';

/** "80/tcp", "8000-8999/tcp", or as the node's configuration has it. */
const rangeSchema = z.preprocess((value, context) => {
  if (typeof value !== 'string' && typeof value !== 'number') return value;
  const parsed = parseRange(String(value));
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({code: 'custom', message: parsed});
  return z.NEVER;
}, portRangeSchema);

const rangesSchema = z.array(rangeSchema).min(1, 'leave ports out for every port, or name at least one');

const isTcp = (ranges: readonly PortRange[] | undefined) =>
  ranges === undefined || ranges.every((range) => range.protocol === 'tcp');
const tcpPorts = rangesSchema.refine(isTcp, 'only TCP ports can be connected to').optional();

const tcpCheck = z.strictObject({ports: tcpPorts});

const httpCheck = z.strictObject({
  ports: tcpPorts,
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'a path starts with "/" and has no spaces, as /healthz')
    .default('/'),
  /** The statuses that pass; absent: 200 to 399. */
  status: z
    .preprocess(
      (value) => (typeof value === 'number' ? [value] : value),
      z
        .array(z.number().int().min(100, 'from 100 to 599').max(599, 'from 100 to 599'))
        .min(1, 'name at least one'),
    )
    .optional(),
  /** What the request says in its Host header; absent: the virtual IP and port. */
  host: z
    .string()
    .regex(/^[\w.:-]+$/, 'not a host name')
    .optional(),
});

const commandCheck = z.strictObject({
  ports: rangesSchema.optional(),
  /** A program in the node's own folder for checks, and its arguments; it passes if it ends with status 0. */
  run: z
    .array(z.string())
    .min(1, 'name the program')
    .refine(
      ([program]) => /^[\w][\w.-]*$/.test(program ?? ''),
      "the name of a program in the node's folder for checks, without a path",
    ),
});

export type HttpCheck = z.infer<typeof httpCheck>;
export type CommandCheck = z.infer<typeof commandCheck>;

export const healthSchema = z.strictObject({
  /** Seconds between checks. */
  interval: secondsSchema(0.2, 3600).default(1),
  /** Seconds that one check may take. */
  timeout: secondsSchema(0.05, 60).default(1),
  /** Good checks in a row until a failing endpoint passes. */
  rise: z.number().int().min(1, 'at least 1').max(100, 'at most 100').default(2),
  /** Bad checks in a row until it is failing. */
  fall: z.number().int().min(1, 'at least 1').max(100, 'at most 100').default(2),
  /** Failing when connections wait and the program has taken none for so many seconds; 0: not checked. */
  queue: secondsSchema(0, 3600).default(3),
  /** Failing when all processes that hold the socket are stopped (SIGSTOP, a debugger) or their cgroup is frozen. */
  stopped: z.boolean().default(true),
  tcp: z.array(tcpCheck).default([]),
  http: z.array(httpCheck).default([]),
  command: z.array(commandCheck).default([]),
});
export type HealthRules = z.infer<typeof healthSchema>;

/** The shapes by their place below `health`, for messages that name the valid keys. */
export const healthShapes: Readonly<Record<string, z.ZodType>> = {
  '': healthSchema,
  tcp: tcpCheck,
  http: httpCheck,
  command: commandCheck,
};

export const defaultHealthRules: HealthRules = healthSchema.parse({});
