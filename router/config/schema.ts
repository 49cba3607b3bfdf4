// The shape of the configuration file. What goes beyond shape (who owns which port) is in ownership.ts; what
// depends on this host in host.ts. Every message says what would be right.

import {z} from 'zod';
import {isIpv4, isIpv6, parseSocketAddress, unusableKind} from '../base/address.ts';
import {modeSchema} from '../protocol/messages.ts';
import type {Mode} from '../protocol/messages.ts';
import {secondsSchema} from '../protocol/terms.ts';
import {healthSchema, healthShapes} from '../protocol/health.ts';
import {loadSchema, loadShapes} from '../protocol/load.ts';
import {UNIT} from '../model/ports/spans.ts';
import {affinitySchema} from './affinity.ts';
import {durationSchema as duration, portsSchema as ports} from './values.ts';

/** As many as the segment has room for. */
export const MAX_FORWARDERS = 16;

/** A larger block would hardly fit into a node's range of ports. */
const MAX_BLOCK_PORTS = 8192;

/** Longer polling without packets only costs processor time. */
const MAX_SPIN = 1000;

export const modes = modeSchema.options;
/** Those that this version offers. */
export const availableModes: readonly Mode[] = ['dsr', 'nat'];

const name = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'not a name: lower-case letters, digits and dashes, at most 63',
  );

function vipProblem(text: string): string | null {
  if (isIpv6(text)) return `"${text}": IPv6 is not in this version; a virtual IP is an IPv4 address`;
  if (!isIpv4(text)) return `"${text}" is not an IPv4 address such as 10.77.0.100`;
  const kind = unusableKind(text);
  return kind === null ? null : `${text} is a ${kind} address; no host can have it`;
}

const vip = z.string().superRefine((text, context) => {
  const problem = vipProblem(text);
  if (problem !== null) context.addIssue({code: 'custom', message: problem});
});

const timeouts = z
  .strictObject({syn: duration, established: duration, closing: duration, udp: duration})
  .partial();

const weight = z.number().min(0.01, 'at least 0.01').max(1000, 'at most 1000');

const weights = z.strictObject({low: weight, medium: weight, high: weight}).partial();

const autoscaling = z
  .strictObject({
    'out-after': secondsSchema(0, 86_400),
    'in-after': secondsSchema(0, 86_400),
    'min-nodes': z.number().int().min(0, 'at least 0').max(1000, 'at most 1000'),
  })
  .partial();

/** Keys that are valid at the top of the file, for all applications, and in an application. */
const steeringKeys = {
  timeouts: timeouts.optional(),
  weights: weights.optional(),
  'slow-start': secondsSchema(0, 3600).optional(),
  affinity: affinitySchema.optional(),
  load: loadSchema.optional(),
  health: healthSchema.optional(),
  autoscaling: autoscaling.optional(),
};

/** Their shapes by path, for messages that name the valid keys. */
const steeringShapes: Readonly<Record<string, z.ZodType>> = {
  timeouts,
  weights,
  affinity: affinitySchema,
  autoscaling,
  ...below('load', loadShapes),
  ...below('health', healthShapes),
};

/** Shapes by path, one level deeper. */
function below(key: string, shapes: Readonly<Record<string, z.ZodType>>): Record<string, z.ZodType> {
  return Object.fromEntries(
    Object.entries(shapes).map(([path, shape]) => [path === '' ? key : `${key}.${path}`, shape]),
  );
}

export const applicationSchema = z.strictObject({
  name,
  tenant: name.default('default'),
  vips: z.array(vip).min(1, 'an application needs at least one virtual IP'),
  ports: z.array(ports).min(1, 'leave ports out to allow every port, or name at least one').optional(),
  exclusive: z.array(ports).min(1, 'leave exclusive out if no port is').optional(),
  ...steeringKeys,
});

/** The router's own probes; seconds. */
const probes = z
  .strictObject({
    interval: secondsSchema(0.1, 60),
    rise: z.number().int().min(1, 'at least 1').max(100, 'at most 100'),
    fall: z.number().int().min(1, 'at least 1').max(100, 'at most 100'),
    echo: z.boolean(),
  })
  .partial();

/** As many as the segment has places for on an interface. */
const MAX_VLANS = 16;
const NO_VLAN = 'not a VLAN: a number from 1 to 4094';
const vlan = z.int(NO_VLAN).min(1, NO_VLAN).max(4094, NO_VLAN);

export const fileSchema = z.strictObject({
  mode: modeSchema.optional(),
  interfaces: z
    .strictObject({
      external: z.string().optional(),
      internal: z.string().optional(),
      /** Whose tagged frames are answered and forwarded, with their tag. */
      vlans: z
        .array(vlan)
        .max(MAX_VLANS, `at most ${MAX_VLANS}`)
        .refine((list) => new Set(list).size === list.length, 'a VLAN twice')
        .optional(),
    })
    .optional(),
  control: z
    .strictObject({
      listen: z
        .string()
        .refine((text) => parseSocketAddress(text) !== null, 'not ADDRESS:PORT: write 10.88.0.1:7400')
        .optional(),
      'secret-file': z.string().min(1).optional(),
    })
    .optional(),
  metrics: z
    .string()
    .refine((text) => parseSocketAddress(text) !== null, 'not ADDRESS:PORT: write 10.88.0.1:9400')
    .optional(),
  forwarders: z
    .number()
    .int()
    .min(1, 'at least 1')
    .max(MAX_FORWARDERS, `at most ${MAX_FORWARDERS}`)
    .optional(),
  'spin-microseconds': z.number().int().min(0).max(MAX_SPIN, `at most ${MAX_SPIN}`).optional(),
  user: z.union([z.string(), z.number()]).optional(),
  'vip-grace': duration.optional(),
  'state-file': z.string().startsWith('/', 'not an absolute path').optional(),
  'block-ports': z
    .number()
    .int()
    .refine((count) => count >= UNIT && count <= MAX_BLOCK_PORTS && count % UNIT === 0, {
      message: `not a multiple of ${UNIT} from ${UNIT} to ${MAX_BLOCK_PORTS}`,
    })
    .optional(),
  probes: probes.optional(),
  ...steeringKeys,
  applications: z.array(applicationSchema).default([]),
});
export type File = z.infer<typeof fileSchema>;

/** The shapes of the file by path; those of a list's elements at the list's own. */
export const fileShapes: Readonly<Record<string, z.ZodType>> = {
  '': fileSchema,
  interfaces: fileSchema.shape.interfaces.unwrap(),
  control: fileSchema.shape.control.unwrap(),
  probes,
  ...steeringShapes,
  applications: applicationSchema,
  ...below('applications', steeringShapes),
};
