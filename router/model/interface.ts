// An interface of the router, with its own address there.

import type {PolicyInterface} from '../../addon/router.ts';
import type {Network} from '../base/address.ts';

export interface Interface extends PolicyInterface {
  /** The router's own address there, with its prefix. */
  network: Network;
  /** All networks of the interface: their addresses are looked for by ARP there. */
  onLink: readonly Network[];
  /** The kernel's number of the interface. */
  index: number;
}
