// The contract of providers, with each of them: the user-space provider, whose policies a router in memory executes,
// and one that moves nothing, takes its time and knows nothing of single flows.

import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {silentLogger} from '../../router/base/logger.ts';
import {methods} from '../../router/model/method.ts';
import {decodeKept} from '../../router/provider/userspace/checkpoint.ts';
import {HostVeth} from '../../router/provider/userspace/host-veth.ts';
import {UserspaceProvider} from '../../router/provider/userspace/userspace.ts';
import type {ProviderEvents} from '../../router/provider/provider.ts';
import {hostInterfaces, interfaces} from '../router/bench.ts';
import {FakeClock, settled} from '../router/fake-clock.ts';
import {FakeExec} from '../router/fake-exec.ts';
import {FakeNative} from '../router/fake-native.ts';
import {ExecutedSegment} from '../support/executed-segment.ts';
import {packet} from '../support/packet-builder.ts';
import {RecordingProvider} from '../support/recording-provider.ts';
import {addressOf, CLIENT, macOf, OTHER_VIP, providerContract, VIP} from './provider.contract.ts';
import type {Harness, Shares} from './provider.contract.ts';

const NODES = [1, 2, 3, 4];
const folder = mkdtempSync(path.join(tmpdir(), 'coscanet-contract-'));
test.after.always(() => rmSync(folder, {recursive: true}));
let files = 0;

function eventsTo(told: string[]): ProviderEvents {
  return {
    onChange: () => told.push('change'),
    onOutdated: (reason) => told.push(reason),
    onInterface: (name, what) => told.push(`interface ${name}: ${what}`),
    onVip: (event, vip) => told.push(`${event} ${vip}`),
    onForwarder: (event) => told.push(event),
  };
}

/** undefined: no node got it. */
function tally(nodes: Iterable<number | undefined>): Shares {
  const shares: Record<number, number> = {};
  for (const node of nodes) if (node !== undefined) shares[node] = (shares[node] ?? 0) + 1;
  return shares;
}

/** What the commands that were run have left on the host. */
function onHost(exec: FakeExec, native: FakeNative): string[] {
  const there = new Set<string>();
  for (const command of exec.commands) {
    const neighbor = /^ip neigh (replace|del) (\S+) dev/.exec(command);
    if (neighbor?.[1] === 'replace') there.add(`neighbor ${neighbor[2]}`);
    if (neighbor?.[1] === 'del') there.delete(`neighbor ${neighbor[2]}`);
    if (command.startsWith('nft -f')) there.add('nftables table');
    if (command.startsWith('nft delete')) there.delete('nftables table');
  }
  return [...there, ...(native.watching > 0 ? ['a watch of the kernel'] : [])];
}

async function userspace(): Promise<Harness> {
  const [exec, clock, native, told] = [new FakeExec(), new FakeClock(), new FakeNative(), [] as string[]];
  const segment = new ExecutedSegment(path.join(folder, `segment-${++files}`), {
    flows: 1024,
    affinities: 64,
    endpoints: 16,
    services: 8,
    ringSlots: 1024,
    vips: 4,
    blocks: 8,
    forwarders: 1,
    registryBytes: 4096,
  });
  native.setInterfaces(hostInterfaces);
  const method = methods.dsr;
  const hostVeth = new HostVeth({native, exec, clock, log: silentLogger, interfaces, routes: method.routes});
  const dataPlane = {
    segment,
    hostVeth,
    prepare: () => Promise.resolve(),
    run: () => Promise.resolve(),
    stop: () => Promise.resolve(segment.close()),
  };
  const events = eventsTo(told);
  const provider = new UserspaceProvider(
    {native, exec, clock, log: silentLogger, method, interfaces, dataPlane, events},
    null,
  );
  await provider.start([]);
  await provider.reserve([VIP, OTHER_VIP]);
  let clientPort = 1024;
  return {
    provider,
    told,
    rivals: native.rivals,
    find: async (node) => {
      native.setNeighbor(addressOf(node), 'eth1', macOf(node));
      await settled();
    },
    send: (port, count) => {
      const toVip = packet(macOf(9), interfaces[0]?.mac ?? '').ipv4({from: CLIENT, to: VIP});
      const frames = Array.from({length: count}, () =>
        toVip.tcp({from: clientPort++, to: port, flags: 'S'}).frame(),
      );
      const macs = segment.router.receive(0, frames).map(({bytes}) => bytes.toString('hex', 0, 6));
      return tally(macs.map((mac) => NODES.find((node) => macOf(node).replaceAll(':', '') === mac)));
    },
    kept: () => {
      const bytes = segment.registry();
      return bytes && Buffer.from(decodeKept(bytes).supervisor).toString();
    },
    leftovers: () => [...onHost(exec, native), ...(segment.closed ? [] : ['segment'])],
  };
}

async function recording(): Promise<Harness> {
  const told: string[] = [];
  const provider = new RecordingProvider(eventsTo(told), {services: 8});
  await provider.reserve([VIP, OTHER_VIP]);
  const address = (port: number) => provider.nextOf({vip: VIP, port, protocol: 'tcp'});
  return {
    provider,
    told,
    rivals: provider.rivals,
    find: (node) => Promise.resolve(provider.found(addressOf(node), macOf(node))),
    send: (port, count) => {
      const addresses = Array.from({length: count}, () => address(port));
      return tally(addresses.map((one) => NODES.find((node) => addressOf(node) === one)));
    },
    kept: () => provider.kept && Buffer.from(provider.kept).toString(),
    leftovers: () => [...provider.reached],
    hold: () => provider.hold(),
    release: () => provider.release(),
  };
}

providerContract('user space', userspace);
providerContract('recording', recording);
