// What can stand between a client and a server. Each gets the same network and the same server.

import type {Network, Shape} from '../lab/network.ts';

export interface Setup {
  readonly name: string;
  readonly title: string;
  readonly shape: Shape;
  /** COSCANet runs in its network. */
  readonly ours: boolean;
  /** Root of the built checkout whose COSCANet runs; absent: this one. */
  readonly checkout?: string;
  /** What goes through the router host; each set-up is made to show it before it is measured. */
  readonly passes: 'nothing' | 'requests' | 'both';
  /** Where the client finds it. */
  address(network: Network): string;
  /** Makes the router host do its part; undone with the network. */
  start(network: Network): Promise<void>;
}
