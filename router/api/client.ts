// Asks the running router over its local socket.

import {request} from 'node:http';
import type {z} from 'zod';
import {codeOf, messageOf, UserError} from '../base/error.ts';
import {errorViewSchema} from '../protocol/views.ts';

interface Answer {
  status: number;
  body: string;
}

function ask(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body: object | undefined,
): Promise<Answer> {
  const headers = {host: 'coscanet', ...(body ? {'content-type': 'application/json'} : {})};
  return new Promise((resolve, reject) => {
    const outgoing = request({socketPath, method, path, agent: false, headers}, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({status: response.statusCode ?? 0, body: text}));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body && JSON.stringify(body));
  });
}

function unreachable(socketPath: string, error: unknown): UserError {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return new UserError(
      `no router runs here: nobody listens on ${socketPath} (--run-dir names another place)`,
    );
  if (code === 'EACCES')
    return new UserError(`${socketPath}: permission denied; only root may ask the router`);
  return new UserError(`${socketPath}: ${messageOf(error)}`);
}

/**
 * The answer, checked against `schema`; `body` is that of a POST. Rejects with a UserError: no router, or why the router
 * refused.
 */
export async function call<T>(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  schema: z.ZodType<T>,
  body?: object,
): Promise<T> {
  const answer = await ask(socketPath, method, path, body).catch((error: unknown) => {
    throw unreachable(socketPath, error);
  });
  const answered: unknown = JSON.parse(answer.body);
  if (answer.status !== 200) throw new UserError(errorViewSchema.parse(answered).error);
  return schema.parse(answered);
}
