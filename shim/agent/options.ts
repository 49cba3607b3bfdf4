// What the agent is started with: options, else environment. Bad values end the program with status 2 and one line.

import {isIpv4, parseSocketAddress, unusableKind} from '../../router/base/address.ts';
import {UserError} from '../../router/base/error.ts';
import type {LoadOptions} from './load/meters.ts';
import type {RouterAddress} from './router-client.ts';

export const DEFAULT_RUN_DIR = '/run/coscanet';
export const DEFAULT_CHECKS_DIR = '/etc/coscanet/checks';
export const DEFAULT_SECRET_FILE = '/etc/coscanet/secret';

/** LoopbackVips and port blocks stay at least so long: the preload library caches them (source_cache.c). */
const SOURCE_CACHED_MS = 6000;

/** As commander reads them; absent ones come from the environment. */
export interface GivenOptions {
  router?: string;
  name?: string;
  address?: string;
  secretFile?: string;
  cgroupRoot?: string;
  runDir?: string;
  wait?: boolean;
  addressGrace?: string;
  checksDir?: string;
  loadCgroup?: string;
  loadCores?: string;
}

export interface HostOptions {
  node: string;
  runDir: string;
  cgroupRoot: string;
}

export interface AgentOptions extends HostOptions {
  router: RouterAddress;
  address: string;
  /** For `address`, if the host does not have it. */
  wait: boolean;
  secretFile: string;
  /** How long a virtual IP stays on lo after its last use. */
  addressGraceMs: number;
  load: LoadOptions | null;
  /** Where programs are that the configuration may name as checks. */
  checksFolder: string;
}

type Environment = Record<string, string | undefined>;

function required(value: string | undefined, option: string, variable: string): string {
  if (value !== undefined && value !== '') return value;
  throw new UserError(`${option} is missing (or set ${variable})`, 2);
}

export function hostOptions(given: GivenOptions, env: Environment): HostOptions {
  const node = required(given.name ?? env['COSCANET_NODE'], '--name NODE', 'COSCANET_NODE');
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(node)) {
    throw new UserError(`--name "${node}": use lower-case letters, digits and dashes, at most 63`, 2);
  }
  return {
    node,
    runDir: given.runDir ?? env['COSCANET_RUN_DIR'] ?? DEFAULT_RUN_DIR,
    cgroupRoot: given.cgroupRoot ?? env['COSCANET_CGROUP_ROOT'] ?? '/',
  };
}

function loadOptions(given: GivenOptions, env: Environment): LoadOptions | null {
  const cgroup = given.loadCgroup ?? env['COSCANET_LOAD_CGROUP'] ?? '';
  const text = given.loadCores ?? env['COSCANET_LOAD_CORES'] ?? '';
  if (cgroup === '') {
    if (text === '') return null;
    throw new UserError('--load-cores needs --load-cgroup: of a machine all cores count', 2);
  }
  const cores = text === '' ? null : Number(text);
  if (cores !== null && !(cores > 0 && cores <= 4096))
    throw new UserError(`--load-cores "${text}": expected a number of cores, as 2 or 0.5`, 2);
  return {cgroup, cores};
}

export function agentOptions(given: GivenOptions, env: Environment): AgentOptions {
  const text = required(given.router ?? env['COSCANET_ROUTER'], '--router ADDR:PORT', 'COSCANET_ROUTER');
  const router = parseSocketAddress(text);
  if (router === null) throw new UserError(`--router "${text}": expected ADDRESS:PORT, as 10.88.0.1:7400`, 2);
  const address = required(given.address ?? env['COSCANET_ADDRESS'], '--address ADDR', 'COSCANET_ADDRESS');
  if (!isIpv4(address))
    throw new UserError(`--address "${address}": expected an IPv4 address, as 10.88.0.11`, 2);
  const unusable = unusableKind(address);
  if (unusable !== null)
    throw new UserError(`--address ${address}: a ${unusable} address reaches no node`, 2);
  const grace = Number(given.addressGrace ?? '60');
  if (!(grace >= 0 && grace <= 86_400)) {
    throw new UserError(`--address-grace "${given.addressGrace}": expected seconds, 0 to 86400`, 2);
  }
  return {
    ...hostOptions(given, env),
    router,
    address,
    wait: given.wait ?? false,
    secretFile: given.secretFile ?? env['COSCANET_SECRET_FILE'] ?? DEFAULT_SECRET_FILE,
    addressGraceMs: Math.max(grace * 1000, SOURCE_CACHED_MS),
    load: loadOptions(given, env),
    checksFolder: given.checksDir ?? env['COSCANET_CHECKS_DIR'] ?? DEFAULT_CHECKS_DIR,
  };
}
