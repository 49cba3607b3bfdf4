// wrk against a stage, with the processor time that its requests took.

import type {Stage} from '../lab/stage.ts';
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

export async function load(stage: Stage, what: Load): Promise<LoadReport> {
  const {scheme = 'http', port = 80, path, ...rest} = what;
  const before = await stage.network.cpu();
  const report = await wrk(stage.network.client, {
    url: `${scheme}://${stage.address}:${port}${path}`,
    ...rest,
  });
  const after = await stage.network.cpu();
  return {
    ...report,
    routerCpu: (after.router - before.router) / report.requests,
    machineCpu: (after.machine - before.machine) / report.requests,
  };
}
