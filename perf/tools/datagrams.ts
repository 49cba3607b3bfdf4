// Floods of the smallest datagrams (datagrams.c), and what of them reached the node.

import {z} from 'zod';
import {native} from '../exec.ts';
import {traffic} from '../lab/host.ts';
import type {Host} from '../lab/host.ts';
import type {Fixture} from '../lab/fixture.ts';

const PROGRAM = native('bench-datagrams');

const sentSchema = z.strictObject({sent: z.number(), nanoseconds: z.number()});
const routeSchema = z.array(z.object({dev: z.string(), gateway: z.string().optional()})).length(1);
const neighSchema = z.array(z.object({lladdr: z.string()})).min(1);

/** The command of a program that takes datagrams on a port and drops them as cheaply as may be. */
export const taker = (port: number): readonly string[] => [PROGRAM, 'take', String(port)];

/** Interface and MAC by which a host reaches an address that it has spoken with. */
async function nextHop(host: Host, address: string): Promise<{dev: string; mac: string}> {
  const [route] = routeSchema.parse(JSON.parse(await host.run(['ip', '-j', 'route', 'get', address])));
  const to = route?.gateway ?? address;
  const [neighbor] = neighSchema.parse(JSON.parse(await host.run(['ip', '-j', 'neigh', 'show', 'to', to])));
  return {dev: route?.dev ?? '', mac: neighbor?.lladdr ?? ''};
}

export interface Flood {
  port: number;
  flows: number;
  /** Packets each second; 0: as many as the client can. */
  rate: number;
  milliseconds: number;
}

export interface FloodReport {
  sentPerSecond: number;
  arrivedPerSecond: number;
  /** Microseconds of processor time for each packet that arrived: of the router's programs, and of the machine. */
  routerCpu: number;
  machineCpu: number;
}

async function arrivals(fixture: Fixture): Promise<number> {
  const {node, nodeInterfaces} = fixture.network;
  let frames = 0;
  for (const name of nodeInterfaces) frames += (await traffic(node, name)).rxFrames;
  return frames;
}

export async function flood(fixture: Fixture, what: Flood): Promise<FloodReport> {
  const {client} = fixture.network;
  const {dev, mac} = await nextHop(client, fixture.address);
  const words = [dev, mac, fixture.address, what.port, what.flows, what.rate, what.milliseconds].map(String);
  const [frames, before] = [await arrivals(fixture), await fixture.network.cpu()];
  const text = await client.run([PROGRAM, 'send', ...words], {seconds: what.milliseconds / 1000 + 15});
  const [after, arrived] = [await fixture.network.cpu(), (await arrivals(fixture)) - frames];
  const {sent, nanoseconds} = sentSchema.parse(JSON.parse(text));
  return {
    sentPerSecond: (sent * 1e9) / nanoseconds,
    arrivedPerSecond: (arrived * 1e9) / nanoseconds,
    routerCpu: (after.router - before.router) / arrived,
    machineCpu: (after.machine - before.machine) / arrived,
  };
}
