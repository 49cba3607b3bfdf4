// All packet tables, one per protocol or concern.

import {ARP} from './arp.ts';
import type {PacketCase} from './case.ts';
import {ETHERNET} from './ethernet.ts';
import {FLOW} from './flow.ts';
import {ICMP} from './icmp.ts';
import {IPV4} from './ipv4.ts';
import {MTU_GSO} from './mtu-gso.ts';
import {REPLY} from './reply.ts';
import {TCP} from './tcp.ts';
import {UDP} from './udp.ts';

export const TABLES: Record<string, PacketCase[]> = {
  ethernet: ETHERNET,
  arp: ARP,
  ipv4: IPV4,
  icmp: ICMP,
  tcp: TCP,
  udp: UDP,
  flow: FLOW,
  reply: REPLY,
  'mtu-gso': MTU_GSO,
};
