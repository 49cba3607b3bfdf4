// From what the file says of applications to what the router knows of them: what is left out comes from the top of
// the file, then from the defaults.

import type {Application} from '../model/application/application.ts';
import {applicationDefaults} from '../model/application/application.ts';
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
  const defaults = applicationDefaults;
  return file.applications.map((one) => {
    const slowStart = one['slow-start'] ?? file['slow-start'];
    return {
      name: one.name,
      tenant: one.tenant,
      vips: one.vips,
      ports: one.ports ? normalizePorts(one.ports) : null,
      exclusive: normalizePorts(one.exclusive ?? defaults.exclusive),
      timeouts: settled(defaults.timeouts, one.timeouts, file.timeouts),
      weights: settled(defaults.weights, one.weights, file.weights),
      slowStartMs: slowStart === undefined ? defaults.slowStartMs : slowStart * 1000,
      affinity: one.affinity ?? file.affinity ?? defaults.affinity,
      load: one.load ?? file.load ?? defaults.load,
      health: one.health ?? file.health ?? defaults.health,
      autoscaling: settled(defaults.autoscaling, one.autoscaling, file.autoscaling),
    };
  });
}

/** A busier node must not get more. */
export function weightProblems(applications: readonly Application[]): Problem[] {
  return applications.flatMap(({name, weights: {low, medium, high}}, index) => {
    if (low >= medium && medium >= high) return [];
    const message = `weights of application "${name}" grow with the load: low ${low}, medium ${medium}, high ${high}`;
    return [{path: ['applications', index, 'weights'], message}];
  });
}
