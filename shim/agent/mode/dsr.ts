// DSR: the program's socket is bound to the virtual IP. Instances on a node share the port.

import type {ShimRequest, SocketFacts, SocketInfo} from '../../../addon/agent.ts';
import type {Logger} from '../../../router/base/logger.ts';
import type {Refusal} from '../bind-rules.ts';
import type {Instance} from '../instances.ts';
import {SharedPorts} from '../shared-ports.ts';
import type {SharedPortsDeps} from '../shared-ports.ts';
import {otherMode} from './mode.ts';
import type {BindMode, BindTarget, ServiceAddress} from './mode.ts';
import type {VirtualAddresses} from '../virtual-addresses.ts';

export interface DsrModeDeps extends SharedPortsDeps {
  ensureVip(vip: string): Promise<void>;
  virtualAddresses: Pick<VirtualAddresses, 'of'>;
  log: Logger;
}

export class DsrMode implements BindMode {
  readonly restoresIdleHost = false;
  readonly #deps: DsrModeDeps;
  readonly #sharedPorts: SharedPorts;

  constructor(deps: DsrModeDeps) {
    this.#deps = deps;
    this.#sharedPorts = new SharedPorts(deps);
  }

  async bind(request: ShimRequest, facts: SocketFacts, target: BindTarget): Promise<Refusal | null> {
    const {vip, port, protocol, instance} = target;
    await this.#deps.ensureVip(vip);
    const refused = await this.#sharedPorts.bind(request, facts, {address: vip, port, protocol, instance});
    if (refused !== null) return refused;
    this.#deps.log.info(
      {program: request.pid, application: instance.application, vip, protocol, port},
      `bound ${vip}:${port}/${protocol}`,
    );
    return null;
  }

  serviceOf({localAddress, localPort}: SocketFacts): ServiceAddress {
    return {vip: localAddress, port: localPort};
  }

  endpointOf(socket: SocketInfo, onVip: boolean, {folder}: Instance): ServiceAddress | string | null {
    if (onVip) return {vip: socket.address, port: socket.port};
    return this.#deps.virtualAddresses.of(socket, folder) === null ? null : otherMode('DSR');
  }
}
