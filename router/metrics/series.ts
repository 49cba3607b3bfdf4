// The time series of the router but for its histogram: names, meanings, and how each is read from a view of operators
// or from what is measured besides. Labels are names of the configuration, of nodes and of states, never clients: their
// number stays small.

import type {ApplicationView, BlocksView, NodeView, RouterEvent, Scale} from '../protocol/views.ts';
import type {Account, Accounts} from './accounts.ts';
import {loadOfLevel} from './application-level.ts';
import {counterTexts, dropTexts, DROP_PREFIX} from './counters.ts';

/** What no view of operators shows, or shows only by walking the flow table. */
export interface Measures {
  /** Of the data path, by their names in addon/src/abi/counters.h. */
  counters: Readonly<Record<string, number>>;
  /** null, as `accounts`: the provider knows nothing of flows. */
  flowTable: {flows: number; capacity: number} | null;
  applications: readonly {tenant: string; name: string; vips: readonly string[]}[];
  accounts: Accounts | null;
  vips: readonly {address: string; state: string; rival?: string}[];
  interfaces: readonly {name: string; role: string; trouble: object | null}[];
  forwarders: readonly {index: number; heartbeatAgeMs: number}[];
  blocksRefused: number;
  events: ReadonlyMap<RouterEvent['event'], number>;
}

/** Labels and value. */
export type Sample = [Record<string, string>, number];

export interface Series<View> {
  kind: 'counter' | 'gauge';
  /** Without "coscanet_". */
  name: string;
  help: string;
  labels: readonly string[];
  read(view: View): Sample[];
}

const recommendations: Readonly<Record<Scale, number>> = {out: 1, keep: 0, in: -1};
const ofApplication = ['tenant', 'application'];
const labelsOf = ({tenant, application}: ApplicationView) => ({tenant, application});

/** A gauge of each application; null: it has none just now. */
function perApplication(
  name: string,
  help: string,
  value: (view: ApplicationView) => number | null,
): Series<readonly ApplicationView[]> {
  const read = (applications: readonly ApplicationView[]) =>
    applications.flatMap((view): Sample[] => {
      const number = value(view);
      return number === null ? [] : [[labelsOf(view), number]];
    });
  return {kind: 'gauge', name: `application_${name}`, help, labels: ofApplication, read};
}

/** Of each application on each of its virtual IPs. */
function perAccount(
  name: string,
  help: string,
  kind: Series<Measures>['kind'],
  of: keyof Account,
): Series<Measures> {
  const read = ({applications, accounts}: Measures) =>
    (accounts === null ? [] : applications).flatMap(({tenant, name: application, vips}) => {
      const known = accounts?.get(application);
      return vips.map((vip): Sample => [{tenant, application, vip}, known?.get(vip)?.[of] ?? 0]);
    });
  return {kind, name: `application_${name}`, help, labels: [...ofApplication, 'vip'], read};
}

export const applicationSeries: readonly Series<readonly ApplicationView[]>[] = [
  perApplication(
    'load',
    'From 0 (all of its capacity is at load level low) to 1 (all is at high); absent while nobody serves.',
    (view) => view.load,
  ),
  perApplication(
    'level',
    'Load level of the application as a whole, with hysteresis: 0 low, 0.5 medium, 1 high.',
    (view) => (view.level === null ? null : loadOfLevel(view.level)),
  ),
  perApplication(
    'scale_recommendation',
    'What it recommends to the platform: 1 more nodes, 0 as many, -1 fewer.',
    (view) => recommendations[view.scale],
  ),
  perApplication('nodes', 'Nodes that serve it.', (view) => view.nodes),
  perApplication('instances', 'Instances that serve it.', (view) => view.instances),
  {
    kind: 'gauge',
    name: 'application_endpoints',
    help: 'Its endpoints by state.',
    labels: [...ofApplication, 'state'],
    read: (applications) =>
      applications.flatMap((view) =>
        Object.entries(view.endpoints).map(([state, count]): Sample => [{...labelsOf(view), state}, count]),
      ),
  },
];

const accountSeries: readonly Series<Measures>[] = [
  perAccount('flows', 'Its flows, as counted within the last 2 s.', 'gauge', 'flows'),
  perAccount('new_flows_total', 'Its flows that began.', 'counter', 'newFlows'),
];

export const nodeSeries: readonly Series<readonly NodeView[]>[] = [
  {
    kind: 'gauge',
    name: 'nodes',
    help: 'Worker machines; suspect: the agent is silent for longer than its lease.',
    labels: ['state'],
    read: (nodes) =>
      (['up', 'suspect', 'left'] as const).map((state) => [
        {state},
        nodes.filter((node) => node.state === state).length,
      ]),
  },
  {
    kind: 'gauge',
    name: 'node_level',
    help: 'Load level that a node reports for an application: 0 low, 0.5 medium, 1 high.',
    labels: ['node', 'application'],
    read: (nodes) =>
      nodes.flatMap(({name, levels}) =>
        Object.entries(levels).map(([application, level]): Sample => [
          {node: name, application},
          loadOfLevel(level),
        ]),
      ),
  },
  {
    kind: 'gauge',
    name: 'node_report_age_seconds',
    help: "Since a node's agent last reported; after 3 s it is suspect.",
    labels: ['node'],
    read: (nodes) => nodes.map(({name, reportAgeMs}) => [{node: name}, reportAgeMs / 1000]),
  },
];

export const blockSeries: readonly Series<BlocksView>[] = [
  {
    kind: 'gauge',
    name: 'port_blocks',
    help: 'Blocks of ports that nodes open connections from.',
    labels: ['vip', 'state'],
    read: ({vips}) =>
      vips.flatMap(({vip, leased, quarantined, free}): Sample[] => [
        [{vip, state: 'leased'}, leased],
        [{vip, state: 'quarantine'}, quarantined],
        [{vip, state: 'free'}, free],
      ]),
  },
];

const ownSeries: readonly Series<Measures>[] = [
  {
    kind: 'gauge',
    name: 'flow_table_flows',
    help: 'Flows in the flow table, as counted within the last 2 s.',
    labels: [],
    read: ({flowTable}) => (flowTable ? [[{}, flowTable.flows]] : []),
  },
  {
    kind: 'gauge',
    name: 'flow_table_capacity',
    help: 'How many flows the flow table has room for.',
    labels: [],
    read: ({flowTable}) => (flowTable ? [[{}, flowTable.capacity]] : []),
  },
  {
    kind: 'gauge',
    name: 'virtual_ip_active',
    help: '1: the router answers for it; 0: nobody serves it, or another host has it.',
    labels: ['vip'],
    read: ({vips}) => vips.map(({address, state}) => [{vip: address}, state === 'active' ? 1 : 0]),
  },
  {
    kind: 'gauge',
    name: 'virtual_ip_rival',
    help: 'Virtual IPs that another host uses, too; its MAC as it was heard last, for a minute.',
    labels: ['vip', 'mac'],
    read: ({vips}) =>
      vips.flatMap(({address, rival}): Sample[] =>
        rival === undefined ? [] : [[{vip: address, mac: rival}, 1]],
      ),
  },
  {
    kind: 'counter',
    name: 'port_blocks_refused_total',
    help: 'Times that a node could not have a block that it wanted.',
    labels: [],
    read: ({blocksRefused}) => [[{}, blocksRefused]],
  },
  {
    kind: 'gauge',
    name: 'interface_up',
    help: '1: it does its work; 0: it is down, gone or without its address, see "coscanet status".',
    labels: ['interface', 'role'],
    read: ({interfaces}) =>
      interfaces.map(({name, role, trouble}) => [{interface: name, role}, trouble === null ? 1 : 0]),
  },
  {
    kind: 'gauge',
    name: 'forwarder_heartbeat_age_seconds',
    help: "Since the last heartbeat of a forwarder's loop, which has one at least each 0.1 s.",
    labels: ['forwarder'],
    read: ({forwarders}) =>
      forwarders.map(({index, heartbeatAgeMs}) => [{forwarder: String(index)}, heartbeatAgeMs / 1000]),
  },
  {
    kind: 'counter',
    name: 'events_total',
    help: 'Lines of "coscanet events" by kind; forwarder-died counts those that were started again.',
    labels: ['event'],
    read: ({events}) => [...events].map(([event, count]) => [{event}, count]),
  },
];

/** Nothing, where the provider does not count it. */
const counted = (labels: Sample[0], value: number | undefined): Sample[] =>
  value === undefined ? [] : [[labels, value]];

const dataPathSeries: readonly Series<Measures>[] = [
  ...Object.entries(counterTexts).map(([name, help]): Series<Measures> => ({
    kind: 'counter',
    name: `${name}_total`,
    help,
    labels: [],
    read: ({counters}) => counted({}, counters[name]),
  })),
  {
    kind: 'counter',
    name: 'dropped_frames_total',
    help: 'Frames that went no further, by reason; "coscanet status" says what each means.',
    labels: ['reason'],
    read: ({counters}) =>
      Object.keys(dropTexts).flatMap((reason) => counted({reason}, counters[`${DROP_PREFIX}${reason}`])),
  },
];

export const routerSeries: readonly Series<Measures>[] = [...accountSeries, ...ownSeries, ...dataPathSeries];
