// Both modes, ready for whatever the router's configuration says.

import type {Mode} from '../../../router/protocol/messages.ts';
import {DsrMode} from './dsr.ts';
import type {DsrModeDeps} from './dsr.ts';
import type {BindMode} from './mode.ts';
import {NatMode} from './nat.ts';
import type {NatModeDeps} from './nat.ts';

export class Modes {
  readonly #modes: Readonly<Record<Mode, BindMode>>;

  constructor(deps: DsrModeDeps & NatModeDeps) {
    this.#modes = {dsr: new DsrMode(deps), nat: new NatMode(deps)};
  }

  of(mode: Mode): BindMode {
    return this.#modes[mode];
  }

  /** Before the router has said its mode, a socket's address does: a VIP of this node, or the node's own. */
  byAddress(onVip: boolean): BindMode {
    return onVip ? this.#modes.dsr : this.#modes.nat;
  }
}
