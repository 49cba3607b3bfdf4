// From what the file says of applications to what the router knows of them: what is left out comes from the top of
// the file, then from the defaults.

import {defaultHealthRules} from '../protocol/health.ts';
import {defaultLoadRules} from '../protocol/load.ts';
import type {Application} from '../model/application/application.ts';
import {defaultTimeouts, defaultWeights} from '../model/application/application.ts';
import {defaultAutoscaling} from '../model/application/autoscaling.ts';
import {normalizePorts} from '../protocol/ports.ts';
import type {Problem} from './problem.ts';
import type {File} from './schema.ts';

/** The first of `given` that has a value for a key wins. */
export function settled<T extends object>(
  defaults: Readonly<T>,
  ...given: ({[K in keyof T]?: T[K] | undefined} | undefined)[]
): T {
  const result: T = {...defaults};
  for (const key of Object.keys(defaults) as (keyof T)[])
    result[key] = given.find((one) => one?.[key] !== undefined)?.[key] ?? defaults[key];
  return result;
}

export function applicationsOf(file: File): Application[] {
  return file.applications.map((one) => ({
    name: one.name,
    tenant: one.tenant,
    vips: one.vips,
    ports: one.ports ? normalizePorts(one.ports) : null,
    exclusive: normalizePorts(one.exclusive ?? []),
    timeouts: settled(defaultTimeouts, one.timeouts, file.timeouts),
    weights: settled(defaultWeights, one.weights, file.weights),
    slowStartMs: (one['slow-start'] ?? file['slow-start'] ?? 0) * 1000,
    affinity: one.affinity ?? file.affinity ?? null,
    load: one.load ?? file.load ?? defaultLoadRules,
    health: one.health ?? file.health ?? defaultHealthRules,
    autoscaling: settled(defaultAutoscaling, one.autoscaling, file.autoscaling),
  }));
}

/** A busier node must not get more. */
export function weightProblems(applications: readonly Application[]): Problem[] {
  return applications.flatMap(({name, weights: {low, medium, high}}, index) => {
    if (low >= medium && medium >= high) return [];
    const message = `weights of application "${name}" grow with the load: low ${low}, medium ${medium}, high ${high}`;
    return [{path: ['applications', index, 'weights'], message}];
  });
}
