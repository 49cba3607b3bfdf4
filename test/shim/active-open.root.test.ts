// Active opens: a socket that is bound to a service's port and sends first. The flow, and the endpoint itself, are
// reported to the router before its first packet; in both modes. The drawing is at Bed in support.ts.

import os from 'node:os';
import test from 'ava';
import type {FlowReport, NodeConfig, NodeState} from '../../router/protocol/messages.ts';
import {Bed, VIP, nodeConfigFor, web} from './support.ts';
import type {Running} from './support.ts';
import {mirror, speaksFrom} from './talkers.ts';
import {waitUntil} from '../support/wait.ts';

const {EADDRNOTAVAIL} = os.constants.errno;
const NODE = '10.88.0.11';
const WORLD = '198.51.100.1';
const OTHER = '198.51.100.2';
const REFUSED = 13;
const ftp = {...web, ports: [...web.ports, {protocol: 'tcp', first: 20, last: 20} as const]};

const modes = (['dsr', 'nat'] as const).map((mode) => ({mode, bed: new Bed()}));

for (const {mode, bed} of modes) {
  const config: NodeConfig = {...nodeConfigFor([ftp], mode), direct: ['10.88.0.0/24'], flowTable: 1};

  test.before(async () => {
    await bed.up(config, {refuse: [REFUSED]});
    await bed.inRouter('sh', '-c', `for a in ${WORLD} ${OTHER}; do ip address add $a/32 dev lo; done`);
    await bed.inNode('ip', 'route', 'add', 'default', 'via', '10.88.0.1');
    for (const [address, port] of [
      [WORLD, 7],
      [OTHER, 7],
      ['10.88.0.1', 7],
      [WORLD, REFUSED],
    ] as const) {
      const [command = '', ...args] = mirror(address, port);
      const program = bed.spawnInRouter(command, args);
      await waitUntil(`mirror ${program.stderr}`, 5000, () => program.stdout.includes('up'));
    }
    await bed.startAgent();
  });

  test.serial.afterEach.always(() => bed.endInstances());
  test.after.always(() => bed.down());

  const speak = async (
    ...given: Parameters<typeof speaksFrom>
  ): Promise<{program: Running; lines: string[]}> => {
    const program = bed.start(speaksFrom(...given));
    await waitUntil(`talks: ${program.stderr}`, 20_000, () => program.stdout.includes('done'));
    return {program, lines: program.stdout.trim().split('\n').slice(0, -1)};
  };
  // In NAT mode there is no router that rewrites here: the mirror sees the node address.
  const seen = (port: number) => `seen ${mode === 'dsr' ? VIP : NODE} ${port} own ${VIP} ${port}`;
  const nodeSide = (port: number) => (mode === 'dsr' ? {} : {nodePort: port});
  const flowOf = (protocol: FlowReport['protocol'], port: number, client: string): FlowReport => {
    return {protocol, vip: VIP, port, ...nodeSide(port), client, clientPort: 7, opening: true};
  };
  const activeOpens = (state: NodeState) => state.endpoints.filter(({instances}) => instances === 0);
  const activeOpen20 = {
    application: 'web',
    vip: VIP,
    protocol: 'tcp',
    port: 20,
    instances: 0,
    ...nodeSide(20),
  };

  test.serial(
    `${mode}: TCP from port 20 is known to the router, to each client, and gone when it ends`,
    async (t) => {
      const since = Date.now();
      const {program, lines} = await speak('tcp', 20, [WORLD, 7], [OTHER, 7]);
      t.deepEqual(lines, [seen(20), seen(20)]);
      const puts = bed.readPuts().filter((put) => put.time >= since && (put.state.flows ?? []).length > 0);
      t.deepEqual(
        puts.flatMap(({state}) => state.flows),
        [flowOf('tcp', 20, WORLD), flowOf('tcp', 20, OTHER)],
      );
      for (const {state} of puts)
        t.deepEqual(activeOpens(state), [activeOpen20], 'the endpoint with the flow');
      t.notRegex(bed.agent?.stderr ?? '', /20\/tcp is not registered/);
      await bed.inNode('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets');
      const killed = Date.now();
      await program.kill();
      await bed.waitForPut(
        'no active-open endpoint',
        (state) => activeOpens(state).length === 0,
        killed,
        10_000,
      );
    },
  );

  test.serial(`${mode}: one datagram socket, many remotes`, async (t) => {
    const since = Date.now();
    const {lines} = await speak('udp', 53, [WORLD, 7], [OTHER, 7], [WORLD, 7]);
    t.deepEqual(lines, [seen(53), seen(53), seen(53)]);
    const puts = bed.readPuts().filter((put) => put.time >= since);
    t.deepEqual(
      puts.flatMap(({state}) => state.flows ?? []),
      [flowOf('udp', 53, WORLD), flowOf('udp', 53, OTHER)],
    );
    t.deepEqual(activeOpens(puts.at(-1)!.state), []);
  });

  test.serial(`${mode}: and to who is on the nodes' own network`, async (t) => {
    const since = Date.now();
    const {lines} = await speak('connected', 53, ['10.88.0.1', 7]);
    t.deepEqual(lines, [seen(53)]);
    const put = await bed.waitForPut('active-open endpoint', (state) => activeOpens(state).length > 0, since);
    t.deepEqual(activeOpens(put.state), [{...activeOpen20, protocol: 'udp', port: 53, ...nodeSide(53)}]);
    const puts = bed.readPuts().filter(({time}) => time >= since);
    t.deepEqual(
      puts.flatMap(({state}) => state.flows ?? []),
      [flowOf('udp', 53, '10.88.0.1')],
    );
    await bed.endInstances();
    await bed.waitForPut(
      'no active-open endpoint',
      (state) => activeOpens(state).length === 0,
      Date.now(),
      10_000,
    );
  });

  test.serial(`${mode}: a connected datagram socket stays known`, async (t) => {
    const since = Date.now();
    const {lines} = await speak('connected', 53, [WORLD, 7]);
    t.deepEqual(lines, [seen(53)]);
    const put = await bed.waitForPut('flow', ({flows}) => (flows ?? []).length > 0, since);
    t.deepEqual(put.state.flows, [flowOf('udp', 53, WORLD)]);
    // An endpoint until it is connected, an active-open endpoint from then on; never neither.
    const known = bed
      .readPuts()
      .filter(({time}) => time >= put.time)
      .map(({state}) => state.endpoints.length);
    t.deepEqual(new Set(known), new Set([1]));
    const later = await bed.waitForPut(
      'active-open endpoint',
      (state) => activeOpens(state).length > 0,
      since,
    );
    t.deepEqual(activeOpens(later.state), [{...activeOpen20, protocol: 'udp', port: 53, ...nodeSide(53)}]);
    await bed.endInstances();
    await bed.waitForPut(
      'no active-open endpoint',
      (state) => activeOpens(state).length === 0,
      Date.now(),
      10_000,
    );
  });

  test.serial(`${mode}: a flow that the router refuses: EADDRNOTAVAIL, and why`, async (t) => {
    const {program, lines} = await speak('tcp', 20, [WORLD, REFUSED]);
    t.deepEqual(lines, [`errno ${EADDRNOTAVAIL}`]);
    const why = 'from 10.77.0.100:20 to 198.51.100.1:13/tcp: another endpoint has the connection';
    t.true(program.stderr.includes(`Cannot assign requested address: ${why}`), program.stderr);
  });

  test.serial(`${mode}: a new agent knows what opens; a router that forgot is told all`, async (t) => {
    await speak('tcp', 20, [WORLD, 7]);
    await bed.agent?.kill();
    const again = Date.now();
    await bed.startAgent();
    const first = bed.readPuts().find((put) => put.time >= again);
    t.deepEqual(activeOpens(first!.state), [activeOpen20]);
    const {opening: _, ...flow} = flowOf('tcp', 20, WORLD);
    await bed.waitForPut('flow', ({flows}) => JSON.stringify(flows) === JSON.stringify([flow]), again);
    const quiet = await bed.waitForPut('no flows', ({flows}) => flows?.length === 0, again);
    await bed.startRouter({...config, flowTable: 2}, 0, {confirm: [flow, {...flow, clientPort: 8}]});
    await bed.waitForPut('flow', ({flows}) => JSON.stringify(flows) === JSON.stringify([flow]), quiet.time);
  });

  test.serial(`${mode}: without an answer of the router nothing is sent`, async (t) => {
    await bed.startRouter(config, 3_000);
    const {lines} = await speak('udp', 53, [OTHER, 7]);
    t.deepEqual(lines, [`errno ${EADDRNOTAVAIL}`]);
    await bed.startRouter(config, 0, {refuse: [REFUSED]});
  });
}
