// What a new configuration changes, one line each, for operators. Pure.

import type {Application} from '../model/application.ts';
import {vipsOf} from '../model/application.ts';
import {formatPorts} from '../model/ports.ts';
import {formatDuration} from './duration.ts';
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

function changed(before: Application, after: Application): string[] {
  const aspects: [string, string, string][] = [
    ['tenant', before.tenant, after.tenant],
    ['vips', before.vips.join(', '), after.vips.join(', ')],
    ['ports', portsText(before), portsText(after)],
    ['timeouts', timeoutsText(before), timeoutsText(after)],
    ['weights', weightsText(before), weightsText(after)],
  ];
  return aspects
    .filter(([, old, now]) => old !== now)
    .map(([aspect, old, now]) => `~ application ${after.name}: ${aspect} ${old} → ${now}`);
}

/** Settings that only a restart applies. */
function restartOnly(before: Settings, after: Settings): string[] {
  const show = (settings: Settings): Record<string, string> => ({
    mode: settings.mode,
    interfaces: settings.sides.map((side) => `${side.name} (${side.network.address})`).join(', '),
    control: `${settings.listen.address}:${settings.listen.port}`,
    forwarders: String(settings.forwarders),
    user: settings.user,
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
    ...restartOnly(before, after),
  ];
}
