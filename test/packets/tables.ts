// All packet tables, one per protocol or concern.

import {AFFINITY} from './affinity.ts';
import {ARP} from './arp.ts';
import {BLOCKS} from './blocks.ts';
import {FLOW_IMPORTS} from './flow-imports.ts';
import {CARRIED} from './carried.ts';
import type {PacketCase} from './case.ts';
import {ETHERNET} from './ethernet.ts';
import {FLOW} from './flow.ts';
import {ICMP} from './icmp.ts';
import {IPV4} from './ipv4.ts';
import {LOCAL} from './local.ts';
import {MTU_GSO} from './mtu-gso.ts';
import {NAT_HOST} from './nat-host.ts';
import {NAT_ICMP} from './nat-icmp.ts';
import {NAT_IN} from './nat-in.ts';
import {NAT_OUT} from './nat-out.ts';
import {NAT_REPLY_FLOWS} from './nat-reply-flows.ts';
import {NAT_SELF} from './nat-self.ts';
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
  'nat in': NAT_IN,
  'nat out': NAT_OUT,
  'nat reply flows': NAT_REPLY_FLOWS,
  'nat host': NAT_HOST,
  'nat self': NAT_SELF,
  'nat icmp': NAT_ICMP,
  blocks: BLOCKS,
  'flow imports': FLOW_IMPORTS,
  affinity: AFFINITY,
  carried: CARRIED,
  local: LOCAL,
};
