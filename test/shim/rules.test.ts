// The agent's pure parts: addresses, bind rules, identity by cgroup, endpoints out of dumps.

import os from 'node:os';
import test from 'ava';
import * as fc from 'fast-check';
import type {SocketInfo} from '../../addon/agent.ts';
import {formatRange} from '../../router/protocol/messages.ts';
import {decideBind, mayBind, unknownApplication} from '../../shim/agent/bind-rules.ts';
import type {BindRequest} from '../../shim/agent/bind-rules.ts';
import {endpointsOf} from '../../shim/agent/endpoints.ts';
import type {EndpointDeps} from '../../shim/agent/endpoints.ts';
import {findCgroupMount, instanceOf} from '../../shim/agent/instances.ts';
import {agentOptions} from '../../shim/agent/options.ts';
import {applicationUid} from '../../shim/agent/shared-ports.ts';
import {parseSockaddr} from '../../shim/agent/sockaddr.ts';
import {FakeHost} from './bind-modes.ts';
import {VIP, web} from './support.ts';

const {EACCES, EADDRNOTAVAIL} = os.constants.errno;
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

const sockaddrs: {hex: string; name: ReturnType<typeof parseSockaddr>}[] = [
  {hex: '0200 0050 0a4d0064 0000000000000000', name: {address: VIP, port: 80}},
  {hex: '0200 0050 00000000 0000000000000000', name: {address: '0.0.0.0', port: 80}},
  {hex: `0a00 1f90 00000000 ${'00'.repeat(16)} 00000000`, name: {address: '::', port: 8080}},
  {hex: `0a00 1f90 00000000 ${'00'.repeat(10)}ffff0a4d0064 00000000`, name: {address: VIP, port: 8080}},
  {hex: `0a00 1f90 00000000 20010db8${'00'.repeat(11)}01`, name: {address: '2001:db8::1', port: 8080}},
  {hex: `0a00 1f90 00000000 ${'00'.repeat(12)}`, name: null},
  {hex: '0100 2f74', name: null},
  {hex: '', name: null},
];
for (const {hex, name} of sockaddrs) {
  test(`sockaddr ${hex || '(empty)'}`, (t) => t.deepEqual(parseSockaddr(bytes(hex)), name));
}

test('any bytes are an address or null, never an exception', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({maxLength: 128}), (array) => {
      const name = parseSockaddr(Buffer.from(array));
      return name === null || (name.address.length > 0 && name.port >= 0 && name.port <= 65_535);
    }),
  );
  t.pass();
});

const wanted = (change: Partial<BindRequest>): BindRequest => {
  return {address: VIP, port: 80, protocol: 'tcp', v6only: false, ...change};
};
const ports = '(80/tcp, 8000-8999/tcp, 53/udp)';
const decisions: {title: string; wanted: BindRequest; is: ReturnType<typeof decideBind>}[] = [
  {title: 'its VIP', wanted: wanted({}), is: {kind: 'vip', vip: VIP, others: []}},
  {
    title: 'any IPv4',
    wanted: wanted({address: '0.0.0.0'}),
    is: {kind: 'vip', vip: VIP, others: ['10.77.0.101']},
  },
  {title: 'any', wanted: wanted({address: '::'}), is: {kind: 'vip', vip: VIP, others: ['10.77.0.101']}},
  {
    title: 'any IPv6 only',
    wanted: wanted({address: '::', v6only: true}),
    is: {kind: 'loopback', address: '::1'},
  },
  {
    title: 'the second VIP',
    wanted: wanted({address: '10.77.0.101'}),
    is: {kind: 'vip', vip: '10.77.0.101', others: []},
  },
  {
    title: 'a forbidden port',
    wanted: wanted({port: 99}),
    is: {
      kind: 'refused',
      refusal: {errno: EACCES, reason: `port 99/tcp is not among the ports of application web ${ports}`},
    },
  },
  {
    title: 'another address',
    wanted: wanted({address: '10.88.0.11'}),
    is: {
      kind: 'refused',
      refusal: {
        errno: EADDRNOTAVAIL,
        reason: '10.88.0.11 is not an address of application web (10.77.0.100, 10.77.0.101)',
      },
    },
  },
];
for (const {title, wanted: asked, is} of decisions) {
  test(`bind to ${title}`, (t) => t.deepEqual(decideBind({...web, vips: [VIP, '10.77.0.101']}, asked), is));
}

test('a port may be bound exactly if a range of its protocol holds it', (t) => {
  fc.assert(
    fc.property(fc.integer({min: 1, max: 65_535}), fc.constantFrom('tcp', 'udp'), (port, protocol) => {
      const expected = protocol === 'udp' ? port === 53 : port === 80 || (port >= 8000 && port <= 8999);
      return mayBind(web, protocol, port) === expected;
    }),
  );
  t.deepEqual(web.ports.map(formatRange), ['80/tcp', '8000-8999/tcp', '53/udp']);
});

test('an unknown application is told what there is', (t) => {
  const reason = 'the router knows no application shop (it has: web)';
  t.deepEqual(unknownApplication('shop', [web]), {errno: EADDRNOTAVAIL, reason});
});

const cgroups: [string, ReturnType<typeof instanceOf>][] = [
  ['coscanet.slice/coscanet-web.slice/run-1.scope', {application: 'web', depth: 3}],
  ['coscanet.slice/coscanet-web.slice/docker-1.scope/inner/deep', {application: 'web', depth: 3}],
  ['coscanet.slice/coscanet-my.slice/coscanet-my-app.slice/a.service', {application: 'my-app', depth: 4}],
  ['coscanet.slice/coscanet-web.slice', {application: 'web', depth: 2}],
  ['system.slice/ssh.service', null],
  ['coscanet.slice', null],
  ['', null],
];
for (const [path, instance] of cgroups) {
  test(`cgroup ${path || '(root)'}`, (t) => t.deepEqual(instanceOf(path.split('/')), instance));
}

test('cgroup v2 is found alone and beside v1', (t) => {
  const alone = '29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw';
  const v1 = '40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd';
  t.deepEqual(findCgroupMount(alone), {folder: '/sys/fs/cgroup', root: '/'});
  t.deepEqual(
    findCgroupMount(`${v1}\n41 31 0:38 / /mnt/unified rw - cgroup2 cgroup2 rw`).folder,
    '/mnt/unified',
  );
  t.throws(() => findCgroupMount(v1), {message: /no cgroup v2/});
});

const NODE = '10.88.0.11';

function socket(change: Partial<SocketInfo>): SocketInfo {
  const basis = {cookie: 1n, family: 4, protocol: 'tcp', address: VIP, port: 80, uid: 0, inode: 1} as const;
  return {...basis, cgroup: 1n, receiveQueue: 0, ...change};
}

/** Cgroups 1, 2 and 11 are instances of web; sockets with cookies above 100 stand for VIP:80. */
function sourcesIn(mode: 'dsr' | 'nat' | null): EndpointDeps {
  const folders = new Map([1n, 2n, 11n].map((id) => [id, `/web/${id % 10n}`]));
  const known = (cookie: bigint) => (cookie > 100n ? {vip: VIP, port: cookie > 200n ? 99 : 80} : null);
  const host = new FakeHost();
  const virtualAddresses = Object.assign(host.virtualAddresses, {
    known,
    of: ({cookie}: SocketInfo) => known(cookie),
  });
  return {
    native: {
      listeners: () => [],
      boundSockets: () => [],
      datagramSockets: () => [],
      connectedDatagramSockets: () => [],
    },
    instanceOf: (id) => (folders.has(id) ? {application: 'web', folder: folders.get(id) ?? ''} : null),
    vips: () => [VIP],
    address: () => NODE,
    virtualAddresses,
    modes: host.modes,
    isBlockPort: () => false,
    config: () => (mode === null ? null : {mode, applications: [web]}),
  };
}

test('endpoints count instances, not sockets, and leave out what is not theirs', (t) => {
  const sources = sourcesIn('dsr');
  const unregistered: string[] = [];
  const sockets = [
    socket({cgroup: 2n}),
    socket({cgroup: 1n}),
    socket({cgroup: 11n, cookie: 2n}),
    socket({protocol: 'udp', port: 53}),
    socket({address: '127.0.0.1'}),
    socket({port: 99}),
    socket({cgroup: 7n, port: 8000}),
  ];
  t.deepEqual(
    endpointsOf(sockets, sources, (stray, reason) => unregistered.push(`${stray.port}: ${reason}`)).map(
      ({endpoint}) => endpoint,
    ),
    [
      {application: 'web', vip: VIP, protocol: 'tcp', port: 80, instances: 2},
      {application: 'web', vip: VIP, protocol: 'udp', port: 53, instances: 1},
    ],
  );
  t.deepEqual(unregistered, [
    '99: application web may not bind it',
    '8000: it was made outside of every application, before its process entered one',
  ]);
});

const onNodePorts: SocketInfo[] = [
  socket({address: NODE, cookie: 101n}),
  socket({address: NODE, cookie: 102n}), // shares the port with its sibling
  socket({address: NODE, cookie: 103n, cgroup: 2n, port: 40000}),
];
const natEndpoints = [80, 40000].map((nodePort) => {
  return {application: 'web', vip: VIP, protocol: 'tcp' as const, port: 80, instances: 1, nodePort};
});

test('NAT: each node port is an endpoint; a socket without a tag is not registered', (t) => {
  const unregistered: string[] = [];
  const others = [
    socket({address: NODE, cookie: 104n, cgroup: 7n, port: 81}),
    socket({address: NODE, cookie: 201n, port: 82}),
    socket({address: NODE, cookie: 5n, port: 83}),
    socket({address: NODE, cookie: 5n, port: 22, cgroup: 7n}),
    socket({port: 84}),
  ];
  const found = endpointsOf([...onNodePorts, ...others], sourcesIn('nat'), (stray, reason) =>
    unregistered.push(`${stray.port}: ${reason}`),
  );
  t.deepEqual(
    found.map(({endpoint}) => endpoint),
    natEndpoints,
  );
  t.deepEqual(unregistered, [
    '81: it was made outside of every application, before its process entered one',
    '82: application web may not bind it',
    '83: nothing says which virtual address and port of application web it stands for',
    '84: it was bound in the other mode, the router is in NAT mode now: start its program again',
  ]);
});

test('before the first configuration both kinds count; then only those of the mode', (t) => {
  const all = [socket({}), ...onNodePorts];
  const portsIn = (mode: 'dsr' | 'nat' | null) =>
    endpointsOf(all, sourcesIn(mode), () => {}).map(({endpoint}) => endpoint.nodePort);
  t.deepEqual(portsIn(null), [undefined, 80, 40000]);
  t.deepEqual(portsIn('nat'), [80, 40000]);
  t.deepEqual(portsIn('dsr'), [undefined]);
});

test("an application's owner is its own, and no user's", (t) => {
  t.not(applicationUid('web'), applicationUid('mail'));
  t.true(applicationUid('web') >= 0x70000000 && applicationUid('web') < 0x80000000);
});

const good = {router: '10.88.0.1:7400', name: 'node1', address: '10.88.0.11'};
const bad: [object, RegExp][] = [
  [{router: undefined}, /--router ADDR:PORT is missing \(or set COSCANET_ROUTER\)/],
  [{router: '10.88.0.1'}, /--router "10\.88\.0\.1": expected ADDRESS:PORT/],
  [{name: 'Node_1'}, /--name "Node_1": use lower-case letters/],
  [{address: 'node1'}, /--address "node1": expected an IPv4 address/],
  [{address: '127.0.0.1'}, /--address 127\.0\.0\.1: a loopback address reaches no node/],
  [{addressGrace: 'soon'}, /--address-grace "soon"/],
];
for (const [change, message] of bad) {
  test(`options ${JSON.stringify(change)} are refused`, (t) => {
    t.throws(() => agentOptions({...good, ...change}, {}), {message});
  });
}

test('options come from the environment as well', (t) => {
  const env = {COSCANET_ROUTER: '10.88.0.1:7400', COSCANET_NODE: 'node1', COSCANET_ADDRESS: '10.88.0.11'};
  t.is(agentOptions({}, env).router.port, 7400);
  t.is(agentOptions({}, env).secretFile, '/etc/coscanet/secret');
});
