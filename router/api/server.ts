// The control server: agents PUT their nodes' state, operators read and reload. The same routes serve the
// control port (only with the secret) and the run directory's socket (root only, by its mode).

import {createHash, timingSafeEqual} from 'node:crypto';
import {rmSync} from 'node:fs';
import {setTimeout} from 'node:timers/promises';
import Fastify from 'fastify';
import type {FastifyInstance} from 'fastify';
import {z} from 'zod';
import type {SocketAddress} from '../base/address.ts';
import {codeOf, messageOf, UnsupportedError, UserError} from '../base/error.ts';
import type {Logger} from '../base/logger.ts';
import {nodeStateSchema} from '../protocol/messages.ts';
import {nodeViewSchema} from '../protocol/views.ts';
import {describe, refuse} from './refusal.ts';
import {addOverrideRoutes} from './override-routes.ts';
import type {OverrideHandlers} from './override-routes.ts';
import type {NodeState} from '../protocol/messages.ts';
import type {PutOutcome} from '../supervisor/supervisor.ts';
import type {
  ApplicationView,
  BlocksView,
  EndpointView,
  FlowView,
  NodeView,
  ReloadView,
  RouterEvent,
  ServiceView,
  StatusView,
} from '../protocol/views.ts';

/** A text, and its content type. */
export interface Exposed {
  type: string;
  text: string;
}

/** What the server asks of the router. */
export interface ControlledRouter {
  /** Resolves when what the message changes is in force. */
  put(node: string, state: NodeState): Promise<PutOutcome>;
  status(): StatusView;
  services(): ServiceView[];
  endpoints(): EndpointView[];
  nodes(): NodeView[];
  flows(): FlowView[];
  applications(): ApplicationView[];
  blocks(): BlocksView;
  /** In Prometheus' text format. */
  metrics(): Promise<Exposed>;
  events(since?: number): RouterEvent[];
  reload(): Promise<ReloadView>;
  overrides: OverrideHandlers;
}

export interface ControlOptions {
  /** null: still starting, or stopping. */
  router: () => ControlledRouter | null;
  /** Resolves when the router has started: requests wait for that a little, then are answered 503. */
  ready: Promise<void>;
  /** The secret to show, or null: none needed. */
  secret: (() => string) | null;
  log: Logger;
}

/** Shorter than an agent's patience (1 s): one that asks during a start is served the moment it is over. */
const READY_WAIT_MS = 800;
/** Room for the largest state that the schema allows. */
const BODY_LIMIT = 4 * 1024 * 1024;

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Compares in constant time, whatever the lengths. */
function sameSecret(shown: string, expected: string): boolean {
  return timingSafeEqual(digest(shown), digest(expected));
}

const eventQuery = z.object({since: z.coerce.number().default(0)});

/** Everything, to agents and operators. */
export function createControlServer(options: ControlOptions): FastifyInstance {
  const {server, router} = createServer(options);
  addRoutes(server, router);
  addMetricsRoute(server, router);
  addOverrideRoutes(server, () => router().overrides);
  return server;
}

/** Numbers alone, to whoever can reach it. */
export function createMetricsServer(options: Omit<ControlOptions, 'secret'>): FastifyInstance {
  const {server, router} = createServer({...options, secret: null});
  addMetricsRoute(server, router);
  return server;
}

interface Served {
  server: FastifyInstance;
  router: () => ControlledRouter;
}

function createServer(options: ControlOptions): Served {
  const {router, secret, log} = options;
  const server = Fastify({bodyLimit: BODY_LIMIT, forceCloseConnections: true});
  server.addHook('onRequest', async (request, reply) => {
    const shown = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (secret && !sameSecret(shown, secret())) {
      log.warn({peer: request.ip, url: request.url}, 'refused: wrong or missing secret');
      return refuse(reply, 401, 'wrong or missing secret');
    }
    if (!router()) await Promise.race([options.ready, setTimeout(READY_WAIT_MS)]);
    if (!router()) return refuse(reply.header('retry-after', '1'), 503, 'the router is starting');
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

function addMetricsRoute(server: FastifyInstance, router: () => ControlledRouter): void {
  server.get('/metrics', async (_, reply) => {
    const {type, text} = await router().metrics();
    return reply.type(type).send(text);
  });
}

function addRoutes(server: FastifyInstance, router: () => ControlledRouter): void {
  server.put<{Params: {name: string}}>('/v1/nodes/:name', async (request, reply) => {
    const name = nodeViewSchema.shape.name.safeParse(request.params.name);
    if (!name.success) return refuse(reply, 400, `node name: ${describe(name.error)}`);
    const state = nodeStateSchema.safeParse(request.body);
    if (!state.success) return refuse(reply, 400, describe(state.error));
    const outcome = await router().put(name.data, state.data);
    return outcome.kind === 'refused' ? refuse(reply, 409, outcome.reason) : reply.send(outcome.config);
  });
  server.get('/v1/status', (_, reply) => reply.send(router().status()));
  server.get('/v1/services', (_, reply) => reply.send(router().services()));
  server.get('/v1/endpoints', (_, reply) => reply.send(router().endpoints()));
  server.get('/v1/nodes', (_, reply) => reply.send(router().nodes()));
  server.get('/v1/flows', (_, reply) => reply.send(router().flows()));
  server.get('/v1/applications', (_, reply) => reply.send(router().applications()));
  server.get('/v1/blocks', (_, reply) => reply.send(router().blocks()));
  server.get('/v1/events', (request, reply) => {
    const query = eventQuery.safeParse(request.query);
    if (!query.success) return refuse(reply, 400, describe(query.error));
    return reply.send(router().events(query.data.since));
  });
  server.post('/v1/reload', async (_, reply) => {
    try {
      return await reply.send(await router().reload());
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
