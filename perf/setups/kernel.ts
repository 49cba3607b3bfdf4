// The kernel as load balancer, by rules of nftables.

import type {Host} from '../lab/host.ts';
import type {Network} from '../lab/network.ts';
import {addVip, setSysctls} from './address.ts';
import type {Setup} from './setup.ts';

async function rules(network: Network, family: string, text: string): Promise<void> {
  const {router} = network;
  await router.run(['nft', '-f', '-'], {input: `table ${family} coscanet-perf {\n${text}\n}\n`});
  network.cleanUp(router, ['nft', 'delete', 'table', family, 'coscanet-perf']);
}

/** Translates the destination, and on the way back the source; what has been closed is forgotten at once. */
export const dnat: Setup = {
  name: 'dnat',
  title: 'kernel DNAT',
  shape: 'nat',
  ours: false,
  passes: 'both',
  address: (network) => network.vip,
  async start(network) {
    await addVip(network, network.router, network.external);
    await setSysctls(network, network.router, {'net.ipv4.ip_forward': 1});
    await rules(
      network,
      'ip',
      `chain in { type nat hook prerouting priority dstnat;
        ip daddr ${network.vip} dnat to ${network.nodeInside}; }`,
    );
    // Now that connections are tracked.
    await setSysctls(network, network.router, {
      'net.netfilter.nf_conntrack_tcp_timeout_time_wait': 1,
      'net.netfilter.nf_conntrack_tcp_timeout_close': 1,
    });
  },
};

async function macOf(host: Host, which: string): Promise<string> {
  const [link] = JSON.parse(await host.run(['ip', '-j', 'link', 'show', 'dev', which])) as {
    address: string;
  }[];
  if (!link) throw new Error(`${host.name} has no interface ${which}`);
  return link.address;
}

/** Direct server return: rewrites the MAC addresses before the router's IP layer sees the packet. */
export const macRewrite: Setup = {
  name: 'mac',
  title: 'kernel MAC rewrite',
  shape: 'dsr',
  ours: false,
  passes: 'requests',
  address: (network) => network.vip,
  async start(network) {
    const {router, node, external, internal, vip} = network;
    await setSysctls(network, node, {
      'net.ipv4.conf.all.arp_ignore': 1,
      'net.ipv4.conf.all.arp_announce': 2,
      'net.ipv4.conf.all.rp_filter': 2,
    });
    await addVip(network, node, 'lo');
    await addVip(network, router, external); // so that it answers ARP
    const [from, to] = [await macOf(router, internal), await macOf(node, network.nodeInterface)];
    await rules(
      network,
      'netdev',
      `chain in { type filter hook ingress device "${external}" priority 0;
        ip daddr ${vip} ether saddr set ${from} ether daddr set ${to} fwd to "${internal}"; }`,
    );
  },
};
