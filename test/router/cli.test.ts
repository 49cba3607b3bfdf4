// What operators see on their terminal.

import test from 'ava';
import {
  formatApplications,
  formatBlocks,
  formatEndpoints,
  formatEvents,
  formatFlows,
  formatReload,
  formatServices,
  formatStatus,
} from '../../router/api/format.ts';
import {formatTable} from '../../router/api/table.ts';

test('tables line up, numbers to the right', (t) => {
  const columns = [
    {title: 'name', cell: (row: [string, number]) => row[0]},
    {title: 'n', cell: (row: [string, number]) => row[1]},
  ];
  t.is(
    formatTable(columns, [
      ['a', 5],
      ['longer', 123],
    ]),
    'NAME      N\na         5\nlonger  123\n',
  );
  t.is(formatTable(columns, []), 'NAME  N\n');
});

test('endpoints, flows, events, reload', (t) => {
  const service = {application: 'web', vip: '10.77.0.100', protocol: 'tcp' as const, port: 80};
  const place = {node: 'node1', address: '10.88.0.11'};
  const endpoint = {...service, ...place, endpoint: 'node1:10.77.0.100:80/tcp', factor: 0.5};
  t.is(
    formatEndpoints([{...endpoint, level: 'medium', weight: 1, state: 'up'}]).split('\n')[1],
    'web          node1:10.77.0.100:80/tcp  10.88.0.11  medium     0.5       1  up',
  );
  t.regex(
    formatEndpoints([{...endpoint, nodePort: 8080, level: 'low', weight: 4, state: 'up'}]),
    / 10\.88\.0\.11:8080 /,
  );
  const flow = {
    ...service,
    ...place,
    client: '10.77.0.2:5000',
    state: 'syn' as const,
    idleSeconds: 0.4,
    expiresInSeconds: 29.6,
  };
  t.is(
    formatFlows([{...flow, application: '', node: '', address: ''}]).split('\n')[1],
    '-            10.77.0.2:5000  10.77.0.100:80/tcp  -     -        syn    0s    30s',
  );
  t.regex(formatFlows([{...flow, nodePort: 8080}]), / 10\.88\.0\.11:8080 /);
  t.is(
    formatEvents([{time: 0, event: 'endpoint-up', ...service, node: 'node1'}]),
    '1970-01-01T00:00:00.000Z  endpoint-up           web  10.77.0.100:80/tcp  node1\n',
  );
  t.is(formatReload({differences: []}), 'nothing changed\n');
  t.is(formatReload({differences: ['+ virtual IP 10.77.0.101']}), '+ virtual IP 10.77.0.101\n');
});

test('applications: what is not there is not shown as nought', (t) => {
  const none = {serving: 0, drained: 0, failing: 0, unreachable: 0, idle: 0};
  const row = {
    application: 'web',
    tenant: 'acme',
    vips: ['10.77.0.100'],
    level: 'high' as const,
    load: 0.833,
    nodes: 3,
    instances: 4,
    endpoints: {...none, serving: 3, failing: 1},
    flows: 120,
    newFlowsPerSecond: 56.78,
    scale: 'out' as const,
    reason: 'its load is high, for 42s',
  };
  const {reason: _, ...well} = row;
  const text = formatApplications([
    row,
    {...well, application: 'mail', level: null, load: null, endpoints: none, scale: 'keep'},
  ]);
  t.deepEqual(
    text.split('\n').map((line) => line.split(/ {2,}/).join('|')),
    [
      'APPLICATION|TENANT|LEVEL|LOAD|NODES|INSTANCES|ENDPOINTS|FLOWS|NEW/S|SCALE|REASON',
      'web|acme|high|0.83|3|4|3 serving, 1 failing|120|56.8|out|its load is high, for 42s',
      'mail|acme|-|-|3|4|none|120|56.8|keep',
      '',
    ],
  );
});

test('who has an exclusive port', (t) => {
  const service = {application: 'web', vip: '10.77.0.100', protocol: 'udp' as const, flows: 0};
  const rows = [
    {...service, port: 53, endpoints: 2, exclusive: null},
    {...service, port: 5000, endpoints: 0, exclusive: 'node2'},
  ];
  t.deepEqual(
    formatServices(rows)
      .split('\n')
      .map((line) => line.split(/ {2,}/).at(-1)),
    ['EXCLUSIVE TO', '-', 'node2', ''],
  );
});

test('blocks, what is free, and who could not have more', (t) => {
  const lease = {vip: '10.77.0.100', first: 40_192, last: 40_447, node: 'node1'};
  const text = formatBlocks({
    blocks: [
      {...lease, state: 'leased', quarantineSeconds: 0},
      {...lease, first: 40_448, last: 40_703, state: 'quarantine', quarantineSeconds: 61},
    ],
    vips: [
      {vip: lease.vip, leased: 1, quarantined: 1, free: 0, refused: [{node: 'node2', reason: 'none left'}]},
    ],
  });
  for (const part of [
    '40192-40447',
    'node1',
    ' leased ',
    '1m1s',
    'refused: 10.77.0.100 for node2: none left\n',
  ])
    t.true(text.includes(part), part);
});

test('status shows what is there and only counters that count', (t) => {
  const text = formatStatus({
    mode: 'dsr',
    pid: 7,
    uptimeSeconds: 61,
    generation: 3,
    control: '10.88.0.1:7400',
    interfaces: [
      {role: 'external', name: 'eth0', mac: '02:00:00:00:00:01', address: '10.77.0.1'},
      {
        role: 'internal',
        name: 'eth1',
        mac: '02:00:00:00:00:02',
        address: '10.88.0.1',
        trouble: {what: 'it is down', sinceSeconds: 61},
      },
    ],
    vips: [{address: '10.77.0.100', state: 'conflict'}],
    forwarders: [
      {index: 0, pid: 8, heartbeatAgeMs: 12},
      {index: 1, pid: 9, heartbeatAgeMs: 2300},
    ],
    nodes: 1,
    services: 2,
    endpoints: 3,
    flows: 4,
    blocks: {leased: 1, quarantined: 2, free: 3, refused: 0},
    overrides: [
      {target: 'node1', deadline: 60_000, since: 0, by: 'root@host1'},
      {target: 'node2', factor: 0.5},
    ],
    stateFile: {path: '/var/lib/coscanet/overrides.json', problem: 'ENOSPC: no space left on device'},
    counters: {rx_frames: 5, drop_runt: 0},
  });
  for (const part of [
    'up 1m1s',
    'external eth0 10.77.0.1 (02:00:00:00:00:01)\n',
    'internal eth1 10.88.0.1 (02:00:00:00:00:02); it is down, for 1m1s\n',
    '10.77.0.100 conflict',
    '0: pid 8, turned 12 ms ago\n',
    '1: pid 9, STUCK: last turned 2300 ms ago\n',
    '4 flows',
    'override    node1: drained, deadline 1970-01-01T00:01:00.000Z, by root@host1, 1970-01-01T00:00:00.000Z\n',
    'override    node2: factor 0.5, by the operator, -\n',
    'state file  /var/lib/coscanet/overrides.json: NOT SAVED: ENOSPC: no space left on device\n',
    '1 leased, 2 in quarantine, 3 free',
    'rx_frames',
  ])
    t.true(text.includes(part), part);
  t.false(text.includes('drop_runt'));
});
