// What operators tell a running router about nodes and endpoints (POST), and what they have told it so far (GET).
// TARGET is a name as `coscanet endpoints` prints it, or a node's.
//
//   POST /v1/weight {target, factor}     GET /v1/weight

import {z} from 'zod';

const target = z.string().min(1).max(300);

export const MAX_FACTOR = 100;

export const weightOrderSchema = z.strictObject({target, factor: z.number().min(0).max(MAX_FACTOR)});
export type WeightOrder = z.infer<typeof weightOrderSchema>;

export const weightViewSchema = z.strictObject({
  target,
  factor: z.number(),
  /** Names of the endpoints that it is for now. */
  endpoints: z.array(z.string()),
});
export type WeightView = z.infer<typeof weightViewSchema>;
