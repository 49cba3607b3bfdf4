// The control server: agents PUT their nodes' state, operators read and reload. The same routes serve the
// control port (only with the secret) and the run directory's socket (root only, by its mode).

import {createHash, timingSafeEqual} from 'node:crypto';
import {rmSync} from 'node:fs';
import {setTimeout} from 'node:timers/promises';
import Fastify from 'fastify';
import type {FastifyInstance} from 'fastify';
import type {SocketAddress} from '../base/address.ts';
import {codeOf, messageOf, UnsupportedError, UserError} from '../base/error.ts';
import type {Logger} from '../base/logger.ts';
import {nodeStateSchema} from '../protocol/messages.ts';
import {nodeViewSchema} from '../protocol/views.ts';
import {describe, refuse} from './refusal.ts';
import {actions, resources} from './resources.ts';
import type {Action, Resource} from './resources.ts';
import type {RouterApi} from './router-api.ts';

export interface ControlOptions {
  /** null: still starting, or stopping. */
  router: () => RouterApi | null;
  /** Resolves when the router has started: requests wait for that a little, then are answered 503. */
  ready: Promise<void>;
  /** Why there is none. */
  reason?: () => string;
  /** The secret to show, or null: none needed. */
  secret: (() => string) | null;
  log: Logger;
}

/** Shorter than an agent's time-out (1 s): a request during a start is answered as soon as it is over. */
const READY_WAIT_MS = 800;
/** Room for the largest state that the schema allows. */
const BODY_LIMIT = 4 * 1024 * 1024;

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Compares in constant time, whatever the lengths. */
function sameSecret(shown: string, expected: string): boolean {
  return timingSafeEqual(digest(shown), digest(expected));
}

/** All routes, for agents and operators. */
export function createControlServer(options: ControlOptions): FastifyInstance {
  const {server, router} = createServer(options);
  addRoutes(server, router);
  addMetricsRoute(server, router);
  return server;
}

/** /metrics alone, to whoever can reach it. */
export function createMetricsServer(options: Omit<ControlOptions, 'secret'>): FastifyInstance {
  const {server, router} = createServer({...options, secret: null});
  addMetricsRoute(server, router);
  return server;
}

interface Served {
  server: FastifyInstance;
  router: () => RouterApi;
}

function createServer(options: ControlOptions): Served {
  const {router, secret, log, reason = () => 'the router is starting'} = options;
  const server = Fastify({bodyLimit: BODY_LIMIT, forceCloseConnections: true});
  server.addHook('onRequest', async (request, reply) => {
    const shown = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (secret && !sameSecret(shown, secret())) {
      log.warn({peer: request.ip, url: request.url}, 'refused: wrong or missing secret');
      return refuse(reply, 401, 'wrong or missing secret');
    }
    if (!router()) await Promise.race([options.ready, setTimeout(READY_WAIT_MS)]);
    if (!router()) return refuse(reply.header('retry-after', '1'), 503, reason());
  });
  server.setErrorHandler((error, request, reply) => {
    if (error instanceof UnsupportedError) return refuse(reply, 501, error.message);
    const status = (error as {statusCode?: number}).statusCode ?? 500;
    if (status >= 500) log.error({url: request.url, error: messageOf(error)}, 'request failed');
    return refuse(reply, status, messageOf(error));
  });
  server.setNotFoundHandler((request, reply) => refuse(reply, 404, `no such resource: ${request.url}`));
  const started = () => {
    const ready = router();
    if (!ready) throw new Error('the router is stopping');
    return ready;
  };
  return {server, router: started};
}

function addMetricsRoute(server: FastifyInstance, router: () => RouterApi): void {
  server.get('/metrics', async (_, reply) => {
    const {type, text} = await router().metrics();
    return reply.type(type).send(text);
  });
}

function addRoutes(server: FastifyInstance, router: () => RouterApi): void {
  server.put<{Params: {name: string}}>('/v1/nodes/:name', async (request, reply) => {
    const name = nodeViewSchema.shape.name.safeParse(request.params.name);
    if (!name.success) return refuse(reply, 400, `node name: ${describe(name.error)}`);
    const state = nodeStateSchema.safeParse(request.body);
    if (!state.success) return refuse(reply, 400, describe(state.error));
    const outcome = await router().put(name.data, state.data);
    return outcome.kind === 'refused' ? refuse(reply, 409, outcome.reason) : reply.send(outcome.config);
  });
  for (const [name, resource] of Object.entries(resources)) addResource(server, router, name, resource);
  for (const [name, action] of Object.entries(actions)) addAction(server, router, name, action);
}

function addResource(
  server: FastifyInstance,
  router: () => RouterApi,
  name: string,
  resource: Resource<unknown, unknown>,
): void {
  server.get(`/v1/${name}`, (request, reply) => {
    const query = resource.query.safeParse(request.query);
    if (!query.success) return refuse(reply, 400, describe(query.error));
    return reply.send(resource.read(router(), query.data));
  });
}

/** 400 with one line if the body does not fit or cannot be carried out. */
function addAction(
  server: FastifyInstance,
  router: () => RouterApi,
  name: string,
  action: Action<unknown, unknown>,
): void {
  server.post(`/v1/${name}`, async ({body}, reply) => {
    const request = action.request.safeParse(body);
    if (!request.success) return refuse(reply, 400, describe(request.error));
    try {
      return await reply.send(await action.run(router(), request.data));
    } catch (error) {
      if (error instanceof UserError) return refuse(reply, 400, error.message);
      throw error;
    }
  });
}

/** Rejects with a UserError that names the address; `what` it is for. */
export async function listenOnPort(
  server: FastifyInstance,
  what: 'control' | 'metrics',
  {address, port}: SocketAddress,
): Promise<void> {
  try {
    await server.listen({host: address, port});
  } catch (error) {
    const reasons: Record<string, string> = {
      EADDRINUSE: 'is in use by another program',
      EADDRNOTAVAIL: 'is not on this host',
    };
    throw new UserError(`${what} address ${address}:${port} ${reasons[codeOf(error)] ?? messageOf(error)}`);
  }
}

/** Listens on a unix socket that only this user (root) can open. */
export async function listenOnPath(server: FastifyInstance, path: string): Promise<void> {
  rmSync(path, {force: true});
  const mask = process.umask(0o177);
  try {
    await server.listen({path});
  } finally {
    process.umask(mask);
  }
}
