// wrk against a fixture, with the processor time that its requests took.

import type {Fixture} from '../lab/fixture.ts';
import {wrk} from './wrk.ts';
import type {WrkReport} from './wrk.ts';

export interface LoadReport extends WrkReport {
  /** Microseconds of processor time for one request: of the router's programs, and of the machine. */
  routerCpu: number;
  machineCpu: number;
}

export interface Load {
  /** Path and, if it is not 80, port. */
  path: string;
  port?: number;
  scheme?: 'http' | 'https';
  seconds: number;
  connections?: number;
  close?: boolean;
}

export async function load(fixture: Fixture, what: Load): Promise<LoadReport> {
  const {scheme = 'http', port = 80, path, ...rest} = what;
  const before = await fixture.network.cpu();
  const report = await wrk(fixture.network.client, {
    url: `${scheme}://${fixture.address}:${port}${path}`,
    ...rest,
  });
  const after = await fixture.network.cpu();
  return {
    ...report,
    routerCpu: (after.router - before.router) / report.requests,
    machineCpu: (after.machine - before.machine) / report.requests,
  };
}
