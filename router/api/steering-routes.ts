// The control server's routes for what operators tell the router about nodes and endpoints.

import type {FastifyInstance, FastifyReply} from 'fastify';
import type {z} from 'zod';
import {UserError} from '../base/error.ts';
import {describe, refuse} from './refusal.ts';
import {drainOrderSchema, undrainOrderSchema, weightOrderSchema} from '../protocol/steering.ts';
import type {
  DrainOrder,
  DrainView,
  UndrainOrder,
  UndrainView,
  WeightOrder,
  WeightView,
} from '../protocol/steering.ts';

/** Each throws a UserError that names what is wrong with the order. */
export interface Steered {
  weight(order: WeightOrder): WeightView;
  weights(): WeightView[];
  drain(order: DrainOrder): DrainView;
  drains(): DrainView[];
  undrain(order: UndrainOrder): UndrainView;
}

/** Answers a POST: 400 with one line if its body does not fit or cannot be carried out. */
function carryOut<T>(
  reply: FastifyReply,
  schema: z.ZodType<T>,
  body: unknown,
  action: (order: T) => object,
): FastifyReply {
  const order = schema.safeParse(body);
  if (!order.success) return refuse(reply, 400, describe(order.error));
  try {
    return reply.send(action(order.data));
  } catch (error) {
    if (error instanceof UserError) return refuse(reply, 400, error.message);
    throw error;
  }
}

export function addSteeringRoutes(server: FastifyInstance, steered: () => Steered): void {
  server.get('/v1/weight', (_, reply) => reply.send(steered().weights()));
  server.post('/v1/weight', ({body}, reply) =>
    carryOut(reply, weightOrderSchema, body, (order) => steered().weight(order)),
  );
  server.get('/v1/drain', (_, reply) => reply.send(steered().drains()));
  server.post('/v1/drain', ({body}, reply) =>
    carryOut(reply, drainOrderSchema, body, (order) => steered().drain(order)),
  );
  server.post('/v1/undrain', ({body}, reply) =>
    carryOut(reply, undrainOrderSchema, body, (order) => steered().undrain(order)),
  );
}
