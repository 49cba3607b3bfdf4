// A policy that does not fit is refused in one line, and the one in force stays. What an operator can get wrong is
// said by the router's configuration; this is what the tables themselves insist on.

import test from 'ava';
import type {Policy, PolicyEndpoint} from '../../addon/router.ts';
import {createMemoryRouter} from '../support/memory-router.ts';
import {sticky} from './affinity.ts';
import {NAT, PORT_BLOCKS} from './nat-world.ts';
import {MAC, POLICY, VIP, endpoint, tcp} from './world.ts';

const block = (change: object): Policy => ({
  ...POLICY,
  blocks: [PORT_BLOCKS[0]!, {...PORT_BLOCKS[1]!, ...change}],
});
const second = (change: object): Policy => ({
  ...NAT,
  endpoints: NAT.endpoints.map((one): PolicyEndpoint =>
    one.slot === 1 ? {...one, nat: {...one.nat!, ...change}} : one,
  ),
});
const withNode = (node: number): Policy => ({
  ...POLICY,
  endpoints: [endpoint('node1', {node})],
  services: [],
});
const withAffinity = (affinity: unknown): Policy => ({
  ...POLICY,
  services: [{...POLICY.services[0]!, affinity: affinity as never}],
});
const members = 'affinity of unknown endpoints, without those of the ring, or too many';
const blockPorts = 'port block not of whole 64 ports, taken, or too many';
const endpointTwice = 'two endpoints with one node, protocol and port';

const REFUSED: [string, Policy, string][] = [
  ['a block that begins within 64', block({first: 50144}), blockPorts],
  ['a block that ends within 64', block({last: 50143}), blockPorts],
  ['a block that ends before it begins', block({first: 50176, last: 50175}), blockPorts],
  ['a block of ports that there are not', block({first: 65536, last: 65599}), blockPorts],
  ['two blocks of the same ports', block({first: 50048, last: 50175}), blockPorts],
  ['more blocks than there is room for', block({first: 0, last: 64 * 64 - 1}), blockPorts],
  ['a block on no interface', block({egress: 3}), blockPorts],
  ['blocks that are no list', {...POLICY, blocks: {} as never}, 'policy.blocks must be a list'],
  ['a gateway that is none', {...NAT, gateway: 'eth0' as never}, 'gateway must be an object'],
  ['a gateway on no interface', {...NAT, gateway: {mac: MAC.gateway, egress: 3}}, 'gateway on no interface'],
  ['two endpoints at one address', second({node: '10.88.0.11', nodePort: 8080}), endpointTwice],
  ['an endpoint at port 0', second({nodePort: 0}), endpointTwice],
  ['an endpoint at a port that there is not', second({nodePort: 65536}), 'nat: no such port'],
  ['an endpoint for a port that there is not', second({vipPort: 65536}), 'nat: no such port'],
  ['a node without a number', withNode(-1), 'endpoint node must be a whole number of 32 bits'],
  ['a node of too high a number', withNode(65535), 'endpoint slot taken, or a number out of its range'],
  ['an affinity of no group', sticky({group: 0.5}), 'affinity group must be a whole number of 32 bits'],
  ['an affinity by more bits than there are', sticky({prefix: 33}), 'affinity prefix must be 0 to 32'],
  ['an affinity without end', sticky({timeout: 2 ** 31}), 'affinity timeout must be 1 to 2147483647 seconds'],
  ['an affinity of no time', sticky({timeout: 0}), 'affinity timeout must be 1 to 2147483647 seconds'],
  ['an affinity with who is not there', sticky({members: [0, 1, 9]}), members],
  ['an affinity with more than there is room for', sticky({members: Array(4090).fill(1)}), members],
  ['an affinity without one of the ring', sticky({members: [0]}), members],
  [
    'an affinity with members that are no list',
    sticky({members: 1 as never}),
    'affinity members must be a list',
  ],
  ['an affinity that is none', withAffinity('client'), 'affinity must be an object'],
  [
    'a router that routes, without an address to complain from',
    {...NAT, interfaces: POLICY.interfaces},
    'policy.routes: each interface needs an address and its prefix',
  ],
];

for (const [title, policy, message] of REFUSED)
  test(`refused: ${title}`, (t) => {
    const router = createMemoryRouter();
    router.publish(POLICY);
    t.throws(() => router.publish(policy), {instanceOf: TypeError, message});
    t.is(router.receive(0, [tcp('S').frame()]).length, 1, `${VIP} is still served`);
  });

test('the same ports over the other protocol, or on the other node, are other endpoints', (t) => {
  const router = createMemoryRouter();
  for (const change of [{nodePort: 8080}, {node: '10.88.0.11', nodePort: 5353}])
    t.notThrows(() => router.publish(second(change)));
});
