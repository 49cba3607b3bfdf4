// Refused requests: a status and one line.

import type {FastifyReply} from 'fastify';
import type {z} from 'zod';

export function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({error});
}

/** zod's issues on one line: "endpoints.0.port: …; address: …". */
export function describe(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
}
