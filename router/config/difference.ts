// What a new configuration changes, one line each, for operators. Pure.

import type {Application} from '../model/application/application.ts';
import {vipsOf} from '../model/application/application.ts';
import {formatPorts} from '../protocol/ports.ts';
import {affinityText} from './affinity.ts';
import {formatDuration} from '../protocol/duration.ts';
import type {Settings} from './settings.ts';

function portsText(application: Application): string {
  return application.ports ? formatPorts(application.ports) : 'every other port';
}

function timeoutsText({timeouts}: Application): string {
  return Object.entries(timeouts)
    .map(([state, seconds]) => `${state} ${formatDuration(seconds)}`)
    .join(', ');
}

function weightsText({weights}: Application): string {
  return Object.entries(weights)
    .map(([level, weight]) => `${level} ${weight}`)
    .join(', ');
}

/** Name, then how it was and how it is. */
type Aspect = [string, string, string];

/** The single values of nested rules by path: "load.metrics.cpu.low" → 30. A list is one value. */
function valuesOf(path: string, rules: unknown): [string, string][] {
  if (typeof rules !== 'object' || rules === null || Array.isArray(rules))
    return rules === undefined ? [] : [[path, JSON.stringify(rules)]];
  return Object.entries(rules).flatMap(([key, value]) => valuesOf(`${path}.${key}`, value));
}

function ruleAspects(name: string, before: object, after: object): Aspect[] {
  const [old, now] = [before, after].map((rules) => new Map(valuesOf(name, rules)));
  const paths = new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])]);
  return [...paths].map((path) => [path, old?.get(path) ?? 'none', now?.get(path) ?? 'none']);
}

function changed(before: Application, after: Application): string[] {
  const aspects: Aspect[] = [
    ['tenant', before.tenant, after.tenant],
    ['vips', before.vips.join(', '), after.vips.join(', ')],
    ['ports', portsText(before), portsText(after)],
    ['exclusive', formatPorts(before.exclusive) || 'none', formatPorts(after.exclusive) || 'none'],
    ['timeouts', timeoutsText(before), timeoutsText(after)],
    ['weights', weightsText(before), weightsText(after)],
    ['slow-start', `${before.slowStartMs / 1000}s`, `${after.slowStartMs / 1000}s`],
    ['affinity', affinityText(before), affinityText(after)],
    ...ruleAspects('load', before.load, after.load),
    ...ruleAspects('health', before.health, after.health),
    ...ruleAspects('autoscaling', before.autoscaling, after.autoscaling),
  ];
  return aspects
    .filter(([, old, now]) => old !== now)
    .map(([aspect, old, now]) => `~ application ${after.name}: ${aspect} ${old} → ${now}`);
}

/** Settings that only a restart applies. */
function restartOnly(before: Settings, after: Settings): string[] {
  const show = (settings: Settings): Record<string, string> => ({
    mode: settings.mode,
    interfaces: settings.interfaces.map((one) => `${one.name} (${one.network.address})`).join(', '),
    vlans: settings.interfaces[0]?.vlans?.join(', ') || 'none',
    control: `${settings.listen.address}:${settings.listen.port}`,
    metrics: settings.metrics ? `${settings.metrics.address}:${settings.metrics.port}` : 'on no port',
    forwarders: String(settings.forwarders),
    user: settings.user,
    'state-file': settings.stateFile,
  });
  const [old, now] = [show(before), show(after)];
  return Object.keys(old)
    .filter((key) => old[key] !== now[key])
    .map((key) => `! ${key}: ${old[key]} → ${now[key]}: applied at the next restart`);
}

export function differences(before: Settings, after: Settings): string[] {
  const byName = (all: readonly Application[]) => new Map(all.map((one) => [one.name, one]));
  const [old, now] = [byName(before.applications), byName(after.applications)];
  const [oldVips, nowVips] = [vipsOf(before.applications), vipsOf(after.applications)];
  return [
    ...[...old.keys()].filter((name) => !now.has(name)).map((name) => `- application ${name}`),
    ...[...now.values()].flatMap((one) => {
      const known = old.get(one.name);
      return known
        ? changed(known, one)
        : [`+ application ${one.name}: ${one.vips.join(', ')}, ${portsText(one)}`];
    }),
    ...oldVips.filter((vip) => !nowVips.includes(vip)).map((vip) => `- virtual IP ${vip}`),
    ...nowVips.filter((vip) => !oldVips.includes(vip)).map((vip) => `+ virtual IP ${vip}`),
    ...(before.vipGraceMs === after.vipGraceMs
      ? []
      : [`~ vip-grace: ${before.vipGraceMs / 1000}s → ${after.vipGraceMs / 1000}s`]),
    ...(before.blockPorts === after.blockPorts
      ? []
      : [`~ block-ports: ${before.blockPorts} → ${after.blockPorts} (of blocks leased from now on)`]),
    ...ruleAspects('probes', before.probes, after.probes)
      .filter(([, was, is]) => was !== is)
      .map(([path, was, is]) => `~ ${path} ${was} → ${is}`),
    ...restartOnly(before, after),
  ];
}
