// Hairpins: a node, or an instance with a virtual IP of its own, talks to a virtual IP whose packets come back to the
// nodes: served by another node, by the node itself, or carried by the node for another service. In both modes.
//
//              ┌── node1  plain programs, instances of "own" (.101)   near .103   mail .104:25   both .105
//     router ──┤
//              └── node2                                              far .102    shop .104:80   both .105

import type {ExecutionContext} from 'ava';
import {loopSchema, parseDownloads, socketsSchema} from '../support/clients.ts';
import {inEachMode} from '../support/each-mode.ts';
import type {ModeCase} from '../support/modes.ts';
import {tool} from '../support/testbed.ts';
import type {Testbed} from '../support/testbed.ts';

const SERVICE = 'ports: [80/tcp, 53/udp]';
const CONFIG = `applications:
  - {name: own, vips: [10.77.0.101], ports: [9/tcp]}
  - {name: far, vips: [10.77.0.102], ${SERVICE}}
  - {name: near, vips: [10.77.0.103], ${SERVICE}}
  - {name: shop, vips: [10.77.0.104], ${SERVICE}}
  - {name: mail, vips: [10.77.0.104], ports: [25/tcp]}
  - {name: both, vips: [10.77.0.105], ${SERVICE}}
`;
const SIZE = 1_000_000;
/** What a node that talks to itself is called, where a translation must tell the two ends apart. */
const DUMMY = '192.0.0.8';

const eachMode = inEachMode({nodes: 2, forwarders: 1, config: CONFIG}, async (bed) => {
  const places = {far: ['node2'], near: ['node1'], shop: ['node2'], both: ['node1', 'node2']};
  for (const [application, nodes] of Object.entries(places))
    for (const node of nodes) {
      await bed.serve(node, application, 80, tool('http_server', 80, node));
      await bed.serve(node, application, 53, tool('udp_echo', 53, node));
    }
  await bed.serve('node1', 'mail', 25, tool('http_server', 25, 'node1'));
});

interface Way {
  to: string;
  vip: string;
  servers: string[];
}

const WAYS: Way[] = [
  {to: 'served by another node', vip: '10.77.0.102', servers: ['node2']},
  {to: 'served by the node itself', vip: '10.77.0.103', servers: ['node1']},
  {to: 'carried by the node for another service', vip: '10.77.0.104', servers: ['node2']},
  {to: 'served by both', vip: '10.77.0.105', servers: ['node1', 'node2']},
];

type Execute = (command: string[]) => Promise<string>;

async function talks(
  t: ExecutionContext,
  execute: Execute,
  {vip, servers}: Way,
  seen: (server: string) => string[],
) {
  const loop = loopSchema.parse(JSON.parse(await execute(tool('request_loop', `http://${vip}/`, 12))));
  t.deepEqual(loop.failures, []);
  t.deepEqual(Object.keys(loop.answers).sort(), servers);
  const downloads = parseDownloads(await execute(tool('downloads', `http://${vip}/bytes/${SIZE}`, 4)));
  for (const one of downloads) t.like(one, {bytes: SIZE, error: null});
  const sockets = socketsSchema.parse(JSON.parse(await execute(tool('udp_clients', vip, 53, 6, 3))));
  for (const socket of sockets) {
    t.is(socket.lost, 0);
    t.deepEqual(socket.from, [`${vip}:53`]);
    t.is(socket.seen.length, 1);
    t.true(seen(socket.nodes[0] ?? '').includes(socket.seen[0] ?? ''), socket.seen[0]);
  }
  t.deepEqual([...new Set(sockets.flatMap((one) => one.nodes))].sort(), servers);
}

function asInstance(t: ExecutionContext, bed: Testbed, application: string): Execute {
  return async (command) => {
    const result = await bed.instance('node1', application, command, {COSCANET_VERBOSE: '1'});
    t.is(result.status, 0, result.stderr);
    return result.stdout;
  };
}

/** What a server may be told about a plain program of node1: the address of one of its sides. */
function plainSource({answersPassRouter}: ModeCase): (server: string) => string[] {
  if (!answersPassRouter) return () => ['10.77.0.11', '10.88.0.11'];
  return (server) => [server === 'node1' ? DUMMY : '10.88.0.11'];
}

for (const way of WAYS) {
  eachMode(`a plain program to a virtual IP ${way.to}`, async (t, bed, mode) => {
    await talks(t, (command) => bed.in('node1', command), way, plainSource(mode));
  });
  eachMode(`an instance with a virtual IP of its own to one ${way.to}`, async (t, bed) => {
    await talks(t, asInstance(t, bed, 'own'), way, () => ['10.77.0.101']);
  });
}

eachMode('an instance to its own virtual IP', async (t, bed) => {
  const way = {to: 'itself', vip: '10.77.0.105', servers: ['node1', 'node2']};
  await talks(t, asInstance(t, bed, 'both'), way, () => ['10.77.0.105']);
});

eachMode('a port that nobody serves is refused at once', async (t, bed) => {
  const curl = ['curl', '-sS', '-m', '3', 'http://10.77.0.104:81/'];
  t.is((await bed.try('node1', curl)).status, 7, 'a plain program');
  t.is((await bed.instance('node1', 'own', curl)).status, 7, 'an instance');
});
