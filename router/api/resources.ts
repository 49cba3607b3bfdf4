// What operators read of a router, and what they ask it to do: one entry for each. The routes of the server, the
// commands of `coscanet` and, where they show the same, the time series of /metrics follow from these two tables.

import {z} from 'zod';
import {applicationSeries, blockSeries, nodeSeries} from '../metrics/series.ts';
import type {Series} from '../metrics/series.ts';
import {
  drainRequestSchema,
  drainViewSchema,
  undrainRequestSchema,
  undrainViewSchema,
  weightRequestSchema,
  weightViewSchema,
} from '../protocol/overrides.ts';
import {
  applicationViewSchema,
  blocksViewSchema,
  endpointViewSchema,
  eventSchema,
  flowViewSchema,
  nodeViewSchema,
  reloadViewSchema,
  serviceViewSchema,
  statusViewSchema,
} from '../protocol/views.ts';
import {
  formatApplications,
  formatBlocks,
  formatDrains,
  formatEndpoints,
  formatEvents,
  formatFlows,
  formatNodes,
  formatReload,
  formatServices,
  formatStatus,
  formatUndrain,
  formatWeights,
} from './format.ts';
import type {RouterApi} from './router-api.ts';

/** GET /v1/NAME and the command NAME, by its key in `resources`. */
export interface Resource<View, Query> {
  /** The help of the command. */
  readonly summary: string;
  readonly schema: z.ZodType<View>;
  /** Of the URL. */
  readonly query: z.ZodType<Query>;
  /** Throws an UnsupportedError if the provider of this router cannot know it. */
  read(router: RouterApi, query: Query): View;
  /** For people. */
  format(view: View): string;
  /** Read from the same view. */
  readonly series: readonly Series<View>[];
}

/** POST /v1/NAME and the command NAME, by its key in `actions`. */
export interface Action<Request, View> {
  readonly summary: string;
  readonly request: z.ZodType<Request>;
  readonly schema: z.ZodType<View>;
  /** Resolves when it is in force; rejects with a UserError that names what is wrong with the request. */
  run(router: RouterApi, request: Request): Promise<View>;
  format(view: View): string;
}

type AnyResource = Resource<unknown, unknown>;
type Optional = 'query' | 'series';

function resource<View, Query = unknown>(
  entry: Omit<Resource<View, Query>, Optional> & Partial<Pick<Resource<View, Query>, Optional>>,
): AnyResource {
  return {query: z.unknown(), series: [], ...entry};
}

function action<Request, View>(entry: Action<Request, View>): Action<unknown, unknown> {
  return entry;
}

const list = z.array;

export const resources = {
  status: resource({
    summary: 'the router, its virtual IPs, forwarders and counters',
    schema: statusViewSchema,
    read: (router) => router.status(),
    format: formatStatus,
  }),
  applications: resource({
    summary: 'how busy each is, and whether it needs more nodes or fewer',
    schema: list(applicationViewSchema),
    read: (router) => router.applications(),
    format: formatApplications,
    series: applicationSeries,
  }),
  services: resource({
    summary: 'virtual services',
    schema: list(serviceViewSchema),
    read: (router) => router.services(),
    format: formatServices,
  }),
  endpoints: resource({
    summary: 'who serves what',
    schema: list(endpointViewSchema),
    read: (router) => router.endpoints(),
    format: formatEndpoints,
  }),
  nodes: resource({
    summary: 'worker machines and their leases',
    schema: list(nodeViewSchema),
    read: (router) => router.nodes(),
    format: formatNodes,
    series: nodeSeries,
  }),
  flows: resource({
    summary: 'connections, and the node of each',
    schema: list(flowViewSchema),
    read: (router) => router.flows(),
    format: formatFlows,
  }),
  blocks: resource({
    summary: 'ports that nodes open connections from',
    schema: blocksViewSchema,
    read: (router) => router.blocks(),
    format: formatBlocks,
    series: blockSeries,
  }),
  events: resource({
    summary: 'what the router did, when',
    schema: list(eventSchema),
    /** Milliseconds since the epoch. */
    query: z.object({since: z.coerce.number().default(0)}),
    read: (router, {since}) => router.events(since),
    format: formatEvents,
  }),
  weight: resource({
    summary: 'multiply the weight of a node or endpoint; without arguments: show the factors',
    schema: list(weightViewSchema),
    read: (router) => router.overrides.weights(),
    format: formatWeights,
  }),
  drain: resource({
    summary: 'no new flows for a node or endpoint; running ones go on. Without target: show',
    schema: list(drainViewSchema),
    read: (router) => router.overrides.drains(),
    format: formatDrains,
  }),
} satisfies Record<string, AnyResource>;

export const actions = {
  weight: action({
    summary: resources.weight.summary,
    request: weightRequestSchema,
    schema: weightViewSchema,
    run: (router, request) => router.overrides.weight(request),
    format: (view) => formatWeights([view]),
  }),
  drain: action({
    summary: resources.drain.summary,
    request: drainRequestSchema,
    schema: drainViewSchema,
    run: (router, request) => router.overrides.drain(request),
    format: (view) => formatDrains([view]),
  }),
  undrain: action({
    summary: 'a node or endpoint is in service again',
    request: undrainRequestSchema,
    schema: undrainViewSchema,
    run: (router, request) => router.overrides.undrain(request),
    format: formatUndrain,
  }),
  reload: action({
    summary: 'apply the changed configuration file',
    request: z.unknown(),
    schema: reloadViewSchema,
    run: (router) => router.reload(),
    format: formatReload,
  }),
} satisfies Record<string, Action<unknown, unknown>>;

export type ResourceName = keyof typeof resources;
export type ActionName = keyof typeof actions;
