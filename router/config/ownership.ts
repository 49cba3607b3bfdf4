// Rules between applications: names are unique, and a port of a virtual IP has one owner. Pure.

import type {Application} from '../model/application/application.ts';
import {portsOf} from '../model/application/application.ts';
import {formatPorts, formatRange, sharedPorts, subtractPorts} from '../protocol/ports.ts';
import type {Problem} from './problem.ts';

type Find = (application: Application, index: number) => Problem[];

function duplicateNames(all: readonly Application[]): Problem[] {
  return all.flatMap((application, index) => {
    const first = all.findIndex((other) => other.name === application.name);
    if (first === index) return [];
    const message = `application "${application.name}" is there twice`;
    return [{path: ['applications', index, 'name'], message}];
  });
}

const duplicateVips: Find = (application, index) =>
  application.vips.flatMap((vip, at) => {
    if (application.vips.indexOf(vip) === at) return [];
    const message = `${vip} is there twice in application "${application.name}"`;
    return [{path: ['applications', index, 'vips', at], message}];
  });

/** Which of the application's ports an earlier application with the same VIP owns already. */
function sharedOwners(all: readonly Application[]): Find {
  return (application, index) =>
    all.slice(0, index).flatMap((owner): Problem[] => {
      const vip = application.vips.find((one) => owner.vips.includes(one));
      if (vip === undefined || owner.name === application.name) return [];
      const path = ['applications', index];
      if (owner.ports === null && application.ports === null) {
        const both = `"${owner.name}" and "${application.name}" both leave out ports on ${vip}`;
        return [{path, message: `${both}: only one application may have "every other port"`}];
      }
      return (application.ports ?? []).flatMap((range, at) => {
        const shared = sharedPorts([range], owner.ports ?? []);
        if (!shared) return [];
        const message = `${formatRange(shared)} on ${vip} already belongs to application "${owner.name}"`;
        return [{path: [...path, 'ports', at], message}];
      });
    });
}

/** Exclusive ports that are not the application's own. */
function foreignExclusive(all: readonly Application[]): Find {
  return (application, index) =>
    application.exclusive.flatMap((range, at) => {
      const ports = portsOf(application, all);
      const [foreign] = subtractPorts([range], ports);
      if (!foreign) return [];
      const path = ['applications', index, 'exclusive', at];
      const message = `${formatRange(foreign)} is not among the ports of "${application.name}": ${formatPorts(ports)}`;
      return [{path, message}];
    });
}

export function ownershipProblems(all: readonly Application[]): Problem[] {
  const finds = [duplicateVips, sharedOwners(all), foreignExclusive(all)];
  return [...duplicateNames(all), ...all.flatMap((one, index) => finds.flatMap((find) => find(one, index)))];
}
