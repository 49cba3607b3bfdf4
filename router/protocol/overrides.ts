// Overrides of nodes and endpoints: operators set them (POST) and read them (GET).
// TARGET is a name as `coscanet endpoints` prints it, or a node's.
//
//   POST /v1/weight {target, factor, by}                           GET /v1/weight
//   POST /v1/drain {target, deadlineSeconds, keepClients, by}      GET /v1/drain
//   POST /v1/undrain {target, by}

import {z} from 'zod';

const target = z.string().min(1).max(300);

/** Who asks, for others to see ("root@host1"): as whoever asks says, not proven. */
const by = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\P{C}*$/u, 'not printable')
  .optional();

/** Of an answer: why what was set, and is in force, does not outlive the router; absent: it does. */
const unsaved = z.string().optional();

export const MAX_FACTOR = 100;

export const weightRequestSchema = z.strictObject({target, factor: z.number().min(0).max(MAX_FACTOR), by});
export type WeightRequest = z.infer<typeof weightRequestSchema>;

export const weightViewSchema = z.strictObject({
  target,
  factor: z.number(),
  /** When it was set (milliseconds since the epoch), and by whom; absent: not known. */
  since: z.number().optional(),
  by: z.string().optional(),
  /** Names of the endpoints that it applies to now. */
  endpoints: z.array(z.string()),
  unsaved,
});
export type WeightView = z.infer<typeof weightViewSchema>;

export const DEFAULT_DRAIN_SECONDS = 60;
const MAX_DRAIN_SECONDS = 7 * 86_400;

export const drainRequestSchema = z.strictObject({
  target,
  /** 0: at once. */
  deadlineSeconds: z.number().min(0).max(MAX_DRAIN_SECONDS).default(DEFAULT_DRAIN_SECONDS),
  /** Clients with an affinity come back until the deadline. */
  keepClients: z.boolean().default(false),
  by,
});
export type DrainRequest = z.infer<typeof drainRequestSchema>;

export const drainViewSchema = z.strictObject({
  target,
  /** Milliseconds since the epoch. */
  since: z.number(),
  deadline: z.number(),
  keepClients: z.boolean(),
  /** drained: no flow is left, and none will come. Where flows are not counted: the deadline has passed. */
  state: z.enum(['draining', 'drained']),
  /**
   * Left, as counted within the last second; those that only wait to be forgotten do not count. Absent: the router's
   * provider does not count flows.
   */
  flows: z.number().int().optional(),
  /** Who set it last; absent: not known. */
  by: z.string().optional(),
  endpoints: z.array(z.string()),
  unsaved,
});
export type DrainView = z.infer<typeof drainViewSchema>;

export const undrainRequestSchema = z.strictObject({target, by});
export type UndrainRequest = z.infer<typeof undrainRequestSchema>;

export const undrainViewSchema = z.strictObject({
  target,
  /** Was it drained, or being drained? */
  was: z.boolean(),
  endpoints: z.array(z.string()),
  unsaved,
});
export type UndrainView = z.infer<typeof undrainViewSchema>;
