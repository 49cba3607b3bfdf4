// A node on the router's own host: its agent reports one of the host's addresses, its packets go by the host interface.

import type {RouterApi} from '../api/router-api.ts';
import {HOST_ADDRESS} from '../provider/userspace/host-veth.ts';

type Put = RouterApi['put'];

/** `own`: the host's addresses on the router's interfaces. `translates`: endpoints are bound to a node's own address. */
export function withHostAddress(put: Put, own: readonly string[], translates: boolean): Put {
  return async (name, state) => {
    if (!own.includes(state.address)) return await put(name, state);
    const outcome = await put(name, {...state, address: HOST_ADDRESS});
    if (outcome.kind !== 'config' || !translates) return outcome;
    return {...outcome, config: {...outcome.config, address: HOST_ADDRESS}};
  };
}
