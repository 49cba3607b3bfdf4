// ICMP errors reach the program that sent the packet, whoever says it: a host that has no such port, a router where a
// packet's time to live ends; to servers about their answers, to instances about what they open, to clients about
// their requests. In both modes.
//
//   client ─────────────┐                  ┌── node1  late_answers.py 53, says of whom it heard an error
//                       ├ bridge ── router ├── node2  …
//   remote ── gateway ──┘                  └── node3  …

import {z} from 'zod';
import {inEachMode} from '../support/each-mode.ts';
import {VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';
import {counters} from '../support/transfers.ts';

const NODES = ['node1', 'node2', 'node3'];
const HOSTS = {client: '10.77.0.2', remote: '10.99.0.2'};

const eachMode = inEachMode({nodes: 3, forwarders: 2}, async (bed) => {
  // Linux says so to one address six times, then once a second.
  for (const host of Object.keys(HOSTS)) await bed.in(host, ['sysctl', '-qw', 'net.ipv4.icmp_ratemask=0']);
  const servers: Running[] = [];
  for (const node of NODES) servers.push(await bed.serve(node, 'web', 53, tool('late_answers', 53)));
  return servers;
});

const errorSchema = z.object({error: z.string().nullable(), from: z.string()});

eachMode('a client that has gone: each server hears it of its own clients', async (t, bed, _, servers) => {
  for (const host of Object.keys(HOSTS)) {
    const before = servers.map((server) => server.stdout.length);
    const forwarded = (await counters(bed))('icmp_errors_forwarded');
    // Each socket is closed before its answer comes.
    const sent = await bed.in(host, tool('gone_clients', VIP, 53, 12));
    const clients = sent.trim().split('\n').sort();
    t.is(clients.length, 12);
    const heard = (word: string) =>
      servers.map((server, i) =>
        [...server.stdout.slice(before[i]).matchAll(new RegExp(`^${word} (\\S+)$`, 'gm'))]
          .map((one) => one[1] ?? '')
          .sort(),
      );
    await waitUntil('every server has heard of all', 5000, () => heard('refused').flat().length === 12).catch(
      () => {},
    );
    t.deepEqual(heard('refused'), heard('asked'), `${host}: who was asked is told`);
    t.deepEqual(heard('refused').flat().sort(), clients);
    t.true(heard('refused').every((of) => of.length === 4));
    t.true((await counters(bed))('icmp_errors_forwarded') > forwarded);
  }
});

eachMode('what an instance opens: refused, or lost on the way', async (t, bed) => {
  const ask = async (node: string, ...words: (string | number)[]) => {
    const result = await bed.instance(node, 'web', tool('icmp_error', ...words), {COSCANET_VERBOSE: '1'});
    t.is(result.status, 0, result.stderr);
    return errorSchema.parse(JSON.parse(result.stdout));
  };
  for (const node of NODES) {
    for (const address of Object.values(HOSTS)) {
      t.deepEqual(await ask(node, address, 9), {error: 'ECONNREFUSED', from: address});
      const curl = ['curl', '-sS', '-m', '3', `http://${address}:81/`];
      t.is((await bed.instance(node, 'web', curl)).status, 7, 'a reset comes back too');
    }
    const lost = await ask(node, HOSTS.remote, 9, 1);
    t.is(lost.error, 'EHOSTUNREACH');
  }
});

eachMode(
  'what a client asks: a time to live that ends at the router',
  async (t, bed, {answersPassRouter}) => {
    // Its packets are routed in NAT mode alone; in DSR they are as if bridged.
    const lost = await bed.json(errorSchema, 'client', tool('icmp_error', VIP, 53, 1));
    if (answersPassRouter) t.deepEqual(lost, {error: 'EHOSTUNREACH', from: VIP});
    else t.deepEqual(lost, {error: null, from: ''});
    t.deepEqual(await bed.json(errorSchema, 'client', tool('icmp_error', VIP, 9)), {
      error: 'ECONNREFUSED',
      from: VIP,
    });
  },
);
