// The control server's routes for what operators tell the router about nodes and endpoints.

import type {FastifyInstance, FastifyReply} from 'fastify';
import type {z} from 'zod';
import {UserError} from '../base/error.ts';
import {describe, refuse} from './refusal.ts';
import {drainRequestSchema, undrainRequestSchema, weightRequestSchema} from '../protocol/overrides.ts';
import type {
  DrainRequest,
  DrainView,
  UndrainRequest,
  UndrainView,
  WeightRequest,
  WeightView,
} from '../protocol/overrides.ts';

/** Requests: resolve when they are in force; reject with a UserError that names what is wrong with them. */
export interface OverrideHandlers {
  weight(request: WeightRequest): Promise<WeightView>;
  weights(): WeightView[];
  drain(request: DrainRequest): Promise<DrainView>;
  drains(): DrainView[];
  undrain(request: UndrainRequest): Promise<UndrainView>;
}

/** Answers a POST: 400 with one line if its body does not fit or cannot be carried out. */
async function carryOut<T>(
  reply: FastifyReply,
  schema: z.ZodType<T>,
  body: unknown,
  action: (request: T) => Promise<object>,
): Promise<FastifyReply> {
  const request = schema.safeParse(body);
  if (!request.success) return refuse(reply, 400, describe(request.error));
  try {
    return await reply.send(await action(request.data));
  } catch (error) {
    if (error instanceof UserError) return refuse(reply, 400, error.message);
    throw error;
  }
}

export function addOverrideRoutes(server: FastifyInstance, handlers: () => OverrideHandlers): void {
  server.get('/v1/weight', (_, reply) => reply.send(handlers().weights()));
  server.post('/v1/weight', ({body}, reply) =>
    carryOut(reply, weightRequestSchema, body, (request) => handlers().weight(request)),
  );
  server.get('/v1/drain', (_, reply) => reply.send(handlers().drains()));
  server.post('/v1/drain', ({body}, reply) =>
    carryOut(reply, drainRequestSchema, body, (request) => handlers().drain(request)),
  );
  server.post('/v1/undrain', ({body}, reply) =>
    carryOut(reply, undrainRequestSchema, body, (request) => handlers().undrain(request)),
  );
}
