// Root without its powers, for tests that must need none.

import {spawnSync} from 'node:child_process';

/**
 * What to put before a command so that it runs without root's powers: as nobody, or, where nobody cannot read the
 * checkout (one in root's home), as root without a single capability. Nothing for who has no powers anyway.
 */
export function withoutPrivileges(checkout: string): string[] {
  if (process.getuid?.() !== 0) return [];
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];
  const [command, ...words] = [...nobody, 'test', '-r', `${checkout}/package.json`];
  if (spawnSync(command, words).status === 0) return nobody;
  return ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];
}
