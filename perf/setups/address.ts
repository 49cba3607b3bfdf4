// The virtual IP and sysctls, set on a host and put back.

import type {Host} from '../lab/host.ts';
import type {Network} from '../lab/network.ts';

export async function addVip(network: Network, host: Host, networkInterface: string): Promise<void> {
  const words = [`${network.vip}/32`, 'dev', networkInterface];
  await host.run(['ip', 'address', 'add', ...words]);
  network.cleanUp(host, ['ip', 'address', 'delete', ...words]);
}

export async function setSysctls(
  network: Network,
  host: Host,
  values: Record<string, number | string>,
): Promise<void> {
  for (const [name, value] of Object.entries(values)) {
    const before = (await host.run(['sysctl', '-n', name])).trim();
    await host.run(['sysctl', '-qw', `${name}=${value}`]);
    network.cleanUp(host, ['sysctl', '-qw', `${name}=${before}`]);
  }
}
