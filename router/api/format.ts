// How each of the operator's views looks as text.

import {formatDuration} from '../protocol/duration.ts';
import type {DrainView, UndrainView, WeightView} from '../protocol/overrides.ts';
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
import {meaningOf} from '../metrics/counters.ts';
import {STUCK_MS} from '../provider/provider.ts';
import {formatTable} from './table.ts';

interface ServiceName {
  vip: string;
  port: number;
  protocol: string;
}

const service = ({vip, port, protocol}: ServiceName) => `${vip}:${port}/${protocol}`;

const location = ({address, nodePort}: {address: string; nodePort?: number | undefined}) =>
  nodePort === undefined ? address || '-' : `${address}:${nodePort}`;

/** "3 serving, 1 failing" */
function endpointsOf({endpoints}: ApplicationView): string {
  const groups = Object.entries(endpoints).filter(([, count]) => count > 0);
  return groups.map(([group, count]) => `${count} ${group}`).join(', ') || 'none';
}

const perSecond = (rate: number | undefined) => (rate === undefined ? '-' : Number(rate.toFixed(1)));

export function formatApplications(rows: readonly ApplicationView[]): string {
  return formatTable<ApplicationView>(
    [
      {title: 'application', cell: (row) => row.application},
      {title: 'tenant', cell: (row) => row.tenant},
      {title: 'level', cell: (row) => row.level ?? '-'},
      {title: 'load', cell: (row) => row.load?.toFixed(2) ?? '-'},
      {title: 'nodes', cell: (row) => row.nodes},
      {title: 'instances', cell: (row) => row.instances},
      {title: 'endpoints', cell: endpointsOf},
      {title: 'flows', cell: (row) => row.flows ?? '-'},
      {title: 'new/s', cell: (row) => perSecond(row.newFlowsPerSecond)},
      {title: 'scale', cell: (row) => row.scale},
      {title: 'reason', cell: (row) => row.reason ?? ''},
    ],
    rows,
  );
}

export function formatEndpoints(rows: readonly EndpointView[]): string {
  return formatTable<EndpointView>(
    [
      {title: 'application', cell: (row) => row.application},
      {title: 'endpoint', cell: (row) => row.endpoint},
      {title: 'address', cell: location},
      {title: 'level', cell: (row) => row.level},
      {title: 'factor', cell: (row) => row.factor},
      {title: 'weight', cell: (row) => row.weight},
      {title: 'state', cell: (row) => row.state},
      {title: 'reason', cell: (row) => row.reason ?? ''},
    ],
    rows,
  );
}

export function formatServices(rows: readonly ServiceView[]): string {
  return formatTable<ServiceView>(
    [
      {title: 'application', cell: (row) => row.application},
      {title: 'service', cell: service},
      {title: 'endpoints', cell: (row) => row.endpoints},
      {title: 'flows', cell: (row) => row.flows ?? '-'},
      {title: 'exclusive to', cell: (row) => row.exclusive ?? '-'},
    ],
    rows,
  );
}

export function formatNodes(rows: readonly NodeView[]): string {
  return formatTable<NodeView>(
    [
      {title: 'node', cell: (row) => row.name},
      {title: 'address', cell: (row) => row.address},
      {title: 'mac', cell: (row) => row.mac ?? 'unknown'},
      {title: 'endpoints', cell: (row) => row.endpoints},
      {title: 'lease', cell: (row) => `${(row.leaseRemainingMs / 1000).toFixed(1)}s`},
      {title: 'state', cell: (row) => (row.drain ? `${row.state}, ${row.drain}` : row.state)},
    ],
    rows,
  );
}

export function formatFlows(rows: readonly FlowView[]): string {
  return formatTable<FlowView>(
    [
      {title: 'application', cell: (row) => row.application || '-'},
      {title: 'client', cell: (row) => row.client},
      {title: 'service', cell: service},
      {title: 'node', cell: (row) => row.node || '-'},
      {title: 'address', cell: location},
      {title: 'state', cell: (row) => row.state},
      {title: 'idle', cell: (row) => formatDuration(Math.floor(row.idleSeconds))},
      {title: 'expires', cell: (row) => formatDuration(Math.ceil(row.expiresInSeconds))},
    ],
    rows,
  );
}

export function formatBlocks({blocks, vips}: BlocksView): string {
  const leases = formatTable(
    [
      {title: 'virtual IP', cell: (row) => row.vip},
      {title: 'ports', cell: (row) => `${row.first}-${row.last}`},
      {title: 'node', cell: (row) => row.node},
      {title: 'state', cell: (row) => row.state},
      {title: 'left', cell: (row) => (row.state === 'leased' ? '-' : formatDuration(row.quarantineSeconds))},
    ],
    blocks,
  );
  const sums = formatTable(
    [
      {title: 'virtual IP', cell: (row) => row.vip},
      {title: 'leased', cell: (row) => row.leased},
      {title: 'quarantine', cell: (row) => row.quarantined},
      {title: 'free', cell: (row) => row.free},
    ],
    vips,
  );
  const refused = vips.flatMap(({vip, refused: nodes}) =>
    nodes.map(({node, reason}) => `refused: ${vip} for ${node}: ${reason}\n`),
  );
  return `${leases}\n${sums}${refused.join('')}`;
}

export function formatEvents(rows: readonly RouterEvent[]): string {
  const lines = rows.map((row) => {
    const {vip, port, protocol} = row;
    const at = vip === undefined ? '' : port === undefined ? vip : `${vip}:${port}/${protocol}`;
    const rest = [row.application, at, row.node, row.detail].filter((part) => part);
    return `${new Date(row.time).toISOString()}  ${row.event.padEnd(20)}  ${rest.join('  ')}`.trimEnd();
  });
  return lines.map((line) => `${line}\n`).join('');
}

/** "2026-01-31T12:00:00.000Z"; "-": not known. */
const timeText = (time: number | undefined) => (time === undefined ? '-' : new Date(time).toISOString());

function overrideText({target, factor, deadline, since, by}: StatusView['overrides'][number]): string {
  const what = deadline === undefined ? `factor ${factor}` : `drained, deadline ${timeText(deadline)}`;
  return `${target}: ${what}, by ${by ?? 'the operator'}, ${timeText(since)}`;
}

/** A line for each that the next router will not know. */
const unsavedLines = (rows: readonly {target: string; unsaved?: string | undefined}[]) =>
  rows
    .flatMap(({target, unsaved}) =>
      unsaved === undefined ? [] : `${target}: in force, but not saved: ${unsaved}\n`,
    )
    .join('');

export function formatStatus(status: StatusView): string {
  const interfaces = status.interfaces.map(({role, name, address, mac, trouble}) => {
    const wrong = trouble ? `; ${trouble.what}, for ${formatDuration(trouble.sinceSeconds)}` : '';
    return `${role} ${name} ${address} (${mac})${wrong}`;
  });
  const vips = status.vips.map(
    ({address, state, rival}) =>
      `${address} ${state}${rival === undefined ? '' : `, also used by the host with MAC ${rival}`}`,
  );
  const forwarders = status.forwarders.map(
    ({index, pid, heartbeatAgeMs: age}) =>
      `${index}: pid ${pid}, ${age < STUCK_MS ? 'turned' : 'STUCK: last turned'} ${age} ms ago`,
  );
  const flows = status.flows === undefined ? 'flows not counted' : `${status.flows} flows`;
  const nodes = `${status.nodes} (${status.services} services, ${status.endpoints} endpoints, ${flows})`;
  const {path, problem} = status.stateFile;
  const {leased, quarantined, free, refused} = status.blocks;
  const blocks = `${leased} leased, ${quarantined} in quarantine, ${free} free, refused ${refused} times`;
  const rows: [string, string][] = [
    ['mode', status.mode],
    [
      'pid',
      `${status.pid}, up ${formatDuration(status.uptimeSeconds)}, policy generation ${status.generation}`,
    ],
    ['control', status.control],
    ...interfaces.map((text): [string, string] => ['interface', text]),
    ...vips.map((text): [string, string] => ['virtual IP', text]),
    ...forwarders.map((text): [string, string] => ['forwarder', text]),
    ['nodes', nodes],
    ['port blocks', blocks],
    ...status.overrides.map((one): [string, string] => ['override', overrideText(one)]),
    ['state file', `${path}${problem === undefined ? '' : `: NOT SAVED: ${problem}`}`],
  ];
  const counters = Object.entries(status.counters).filter(([, value]) => value > 0);
  const table = formatTable(
    [
      {title: 'counter', cell: ([name]) => name},
      {title: 'value', cell: ([, value]) => value},
      {title: 'meaning', cell: ([name]) => meaningOf(name)},
    ],
    counters,
  );
  return `${rows.map(([name, text]) => `${name.padEnd(12)}${text}\n`).join('')}\n${table}`;
}

export function formatReload({differences}: ReloadView): string {
  return differences.length === 0 ? 'nothing changed\n' : differences.map((line) => `${line}\n`).join('');
}

export function formatWeights(rows: readonly WeightView[]): string {
  const table = formatTable<WeightView>(
    [
      {title: 'target', cell: (row) => row.target},
      {title: 'factor', cell: (row) => row.factor},
      {title: 'endpoints', cell: (row) => row.endpoints.length},
      {title: 'by', cell: (row) => row.by ?? '-'},
      {title: 'since', cell: (row) => timeText(row.since)},
    ],
    rows,
  );
  return `${table}${unsavedLines(rows)}`;
}

export function formatDrains(rows: readonly DrainView[]): string {
  const now = Date.now();
  const left = ({deadline}: DrainView) =>
    deadline > now ? `in ${formatDuration(Math.ceil((deadline - now) / 1000))}` : 'passed';
  const table = formatTable<DrainView>(
    [
      {title: 'target', cell: (row) => row.target},
      {title: 'state', cell: (row) => row.state},
      {title: 'endpoints', cell: (row) => row.endpoints.length},
      {title: 'flows', cell: (row) => row.flows ?? '-'},
      {title: 'deadline', cell: left},
      {title: 'clients', cell: (row) => (row.keepClients ? 'kept until then' : 'go elsewhere')},
      {title: 'by', cell: (row) => row.by ?? '-'},
      {title: 'since', cell: (row) => timeText(row.since)},
    ],
    rows,
  );
  return `${table}${unsavedLines(rows)}`;
}

export function formatUndrain(view: UndrainView): string {
  const {target, was, endpoints} = view;
  if (!was) return `${target} was not drained\n`;
  return `${target} is in service again: ${endpoints.length} endpoints\n${unsavedLines([view])}`;
}
