// From the configuration file and the command line (which wins) to the settings of a router. Every problem is
// found before anything on the host is touched, and all are reported together.

import {availableParallelism} from 'node:os';
import {LineCounter, parseDocument} from 'yaml';
import {z} from 'zod';
import {parseSocketAddress} from '../base/address.ts';
import type {SocketAddress} from '../base/address.ts';
import type {Application} from '../model/application/application.ts';
import {defaultProbeRules} from '../model/liveness.ts';
import type {ProbeRules} from '../model/liveness.ts';
import type {Interface} from '../model/interface.ts';
import {affinityProblems} from './affinity.ts';
import {applicationsOf, settled, weightProblems} from './applications.ts';
import {metricsProblems, resolveInterfaces, vipProblems} from './host.ts';
import type {HostInterface} from './host.ts';
import {ownershipProblems} from './ownership.ts';
import {ConfigError, HostNotReady, Locator, problemsOf} from './problem.ts';
import type {Problem} from './problem.ts';
import {modeSchema} from '../protocol/messages.ts';
import type {Mode} from '../protocol/messages.ts';
import {availableModes, fileSchema, fileShapes, MAX_FORWARDERS, modes} from './schema.ts';
import type {File} from './schema.ts';

/** What the command line gave; undefined: not given. */
export interface Options {
  mode?: string | undefined;
  external?: string | undefined;
  internal?: string | undefined;
  control?: string | undefined;
  secretFile?: string | undefined;
  forwarders?: string | undefined;
  user?: string | undefined;
  stateFile?: string | undefined;
}

export interface Settings {
  mode: Mode;
  interfaces: Interface[];
  listen: SocketAddress;
  /** Where Prometheus may ask without the secret; null: nowhere. */
  metrics: SocketAddress | null;
  secretFile: string;
  forwarders: number;
  /** How long after a packet a forwarder looks for the next one before it sleeps. */
  spinMicroseconds: number;
  /** Name or number of the unprivileged user that forwarders run as. */
  user: string;
  /** How long the router keeps a VIP after its last endpoint and its last flow. */
  vipGraceMs: number;
  /** Ports in a block that a node gets for the connections its instances open. */
  blockPorts: number;
  probes: ProbeRules;
  /** Where operators' overrides are kept for the next start. */
  stateFile: string;
  applications: Application[];
}

export const DEFAULT_SECRET_FILE = '/etc/coscanet/secret';
export const DEFAULT_STATE_FILE = '/var/lib/coscanet/overrides.json';
const DEFAULT_PORT = 7400;
const DEFAULT_VIP_GRACE = 10;
const DEFAULT_BLOCK_PORTS = 256;

interface Source {
  file: File;
  problems: Problem[];
  locator: Locator;
}

function keysAt(path: readonly PropertyKey[]): readonly string[] {
  const shape = fileShapes[path.filter((key) => typeof key === 'string').join('.')];
  return shape instanceof z.ZodObject ? Object.keys(shape.shape) : [];
}

/** Reads the text of a configuration file. A file that is not YAML at all ends here. */
function parseFile(name: string, text: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, {lineCounter: lines, prettyErrors: false});
  if (document.errors.length > 0)
    throw new ConfigError(
      document.errors.map((e) => `${name}:${lines.linePos(e.pos[0]).line}: ${e.message}`),
    );
  const locator = new Locator(name, document, lines);
  const parsed = fileSchema.safeParse(document.toJS() ?? {});
  if (parsed.success) return {file: parsed.data, problems: [], locator};
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, keysAt));
  // With a wrong shape there are no applications to check further; interfaces and mode still are.
  return {file: {applications: []}, problems, locator};
}

interface GivenMode {
  text: string | undefined;
  path: Problem['path'];
}

function modeOf({text, path}: GivenMode, available: readonly Mode[], problems: Problem[]): Mode {
  const label = path === null ? '--mode: ' : '';
  const parsed = modeSchema.safeParse(text);
  if (text === undefined) {
    const message = `no mode: give --mode or "mode:" in the file: one of ${modes.join(', ')}`;
    problems.push({path: null, message});
  } else if (!parsed.success) {
    problems.push({path, message: `${label}unknown mode "${text}": one of ${modes.join(', ')}`});
  } else if (!available.includes(parsed.data)) {
    problems.push({path, message: `${label}${text} is not in this version; use ${available.join(', ')}`});
  }
  return parsed.data ?? 'dsr';
}

/** NAT tells nodes from clients by the interface that their packets come from. */
function oneArmedProblem(mode: Mode, interfaces: readonly Interface[]): Problem[] {
  const [only, other] = interfaces;
  if (mode !== 'nat' || !only || other) return [];
  const message = `mode nat needs two interfaces: external and internal are both ${only.name}`;
  return [{path: null, message}];
}

function forwardersOf(text: string | undefined, file: File, problems: Problem[]): number {
  if (text === undefined) return file.forwarders ?? Math.min(availableParallelism(), 4);
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MAX_FORWARDERS)
    problems.push({
      path: null,
      message: `--forwarders: "${text}" is not a number from 1 to ${MAX_FORWARDERS}`,
    });
  return count;
}

function listenOf(
  text: string | undefined,
  interfaces: readonly Interface[],
  problems: Problem[],
): SocketAddress {
  const fallback = {address: interfaces.at(-1)?.network.address ?? '127.0.0.1', port: DEFAULT_PORT};
  if (text === undefined) return fallback;
  const parsed = parseSocketAddress(text);
  if (!parsed)
    problems.push({path: null, message: `--control: "${text}" is not ADDRESS:PORT: write 10.88.0.1:7400`});
  return parsed ?? fallback;
}

function interfacesOf(
  options: Options,
  file: File,
  onHost: readonly HostInterface[],
): ReturnType<typeof resolveInterfaces> {
  const problems: Problem[] = [];
  const pick = (role: 'external' | 'internal') => {
    const path = options[role] === undefined ? ['interfaces', role] : null;
    const name = options[role] ?? file.interfaces?.[role];
    if (name === undefined) {
      const message = `no ${role} interface: give --${role} or "interfaces: {${role}: …}" in the file`;
      problems.push({path: null, message});
    }
    return {name: name ?? '', path};
  };
  const names = {external: pick('external'), internal: pick('internal')};
  if (problems.length > 0) return {interfaces: [], problems, missing: []};
  const resolved = resolveInterfaces(names, onHost);
  const vlans = file.interfaces?.vlans ?? [];
  return {...resolved, interfaces: resolved.interfaces.map((one) => ({...one, vlans}))};
}

function probesOf({probes}: File): ProbeRules {
  const {interval, ...counts} = probes ?? {};
  return settled(defaultProbeRules, {
    ...counts,
    intervalMs: interval === undefined ? undefined : interval * 1000,
  });
}

/** Throws a ConfigError with every problem that there is; a HostNotReady if all of them may pass. */
export function settle(
  fileName: string,
  text: string,
  options: Options,
  onHost: readonly HostInterface[],
  available: readonly Mode[] = availableModes,
): Settings {
  const {file, problems, locator} = parseFile(fileName, text);
  const shapeIsRight = problems.length === 0;
  const given = {text: options.mode ?? file.mode, path: options.mode === undefined ? ['mode'] : null};
  const mode = modeOf(given, available, shapeIsRight || options.mode !== undefined ? problems : []);
  const interfaces = interfacesOf(options, file, onHost);
  const missing: Problem[] = [];
  if (shapeIsRight || (options.external !== undefined && options.internal !== undefined)) {
    missing.push(...interfaces.missing);
    const isWhole = interfaces.problems.length + missing.length === 0;
    problems.push(...(isWhole ? oneArmedProblem(mode, interfaces.interfaces) : interfaces.problems));
  }
  const applications = applicationsOf(file);
  // Checked on what the file says, range by range, so that a problem stands at its line.
  const written = applications.map((one, index) => ({
    ...one,
    ports: file.applications[index]?.ports ?? null,
    exclusive: file.applications[index]?.exclusive ?? [],
  }));
  problems.push(
    ...ownershipProblems(written),
    ...vipProblems(mode, applications, interfaces.interfaces, onHost),
    ...weightProblems(applications),
    ...affinityProblems(applications),
  );
  const listen = listenOf(options.control ?? file.control?.listen, interfaces.interfaces, problems);
  const metrics = file.metrics === undefined ? null : parseSocketAddress(file.metrics);
  // An address may come with its interface.
  if (metrics && missing.length === 0) problems.push(...metricsProblems(metrics, listen, onHost));
  const settings: Settings = {
    mode,
    interfaces: interfaces.interfaces,
    listen,
    metrics,
    secretFile: options.secretFile ?? file.control?.['secret-file'] ?? DEFAULT_SECRET_FILE,
    forwarders: forwardersOf(options.forwarders, file, problems),
    spinMicroseconds: file['spin-microseconds'] ?? 0,
    user: String(options.user ?? file.user ?? 'nobody'),
    vipGraceMs: (file['vip-grace'] ?? DEFAULT_VIP_GRACE) * 1000,
    blockPorts: file['block-ports'] ?? DEFAULT_BLOCK_PORTS,
    probes: probesOf(file),
    stateFile: options.stateFile ?? file['state-file'] ?? DEFAULT_STATE_FILE,
    applications,
  };
  const lines = [...new Set([...missing, ...problems].map((one) => locator.line(one)))];
  if (problems.length > 0) throw new ConfigError(lines);
  if (missing.length > 0) throw new HostNotReady(lines);
  return settings;
}
