// A set-up in its network, with its server, that has shown that it does what its name says.

import type {Setup} from '../setups/setup.ts';
import {startServer} from '../setups/server.ts';
import type {Server} from '../setups/server.ts';
import {traffic} from './host.ts';
import type {Network} from './network.ts';

export interface Fixture {
  readonly setup: Setup;
  readonly network: Network;
  readonly server: Server;
  /** Where the client finds it. */
  readonly address: string;
}

/** Puts something more into a fixture that stands, such as another server. */
export type SetUp = (fixture: Fixture) => Promise<void>;

/** What a set-up is tried with. */
const TRIAL = {requests: 40, bytes: 16384};
const READY_SECONDS = 15;

async function ready(fixture: Fixture): Promise<void> {
  const url = `http://${fixture.address}/${TRIAL.bytes}`;
  const deadline = Date.now() + READY_SECONDS * 1000;
  for (;;) {
    try {
      await fixture.network.client.run(['curl', '-sf', '-m', '1', '-o', '/dev/null', url]);
      return;
    } catch (error) {
      const ended = fixture.network.programs.flatMap(({lastWords}) => lastWords ?? []);
      if (ended.length > 0 || Date.now() > deadline)
        throw new Error([`${fixture.setup.title}: ${url} does not answer`, ...ended].join('; '), {
          cause: error,
        });
    }
  }
}

/** What went through the router host during some requests must be what the set-up says. */
async function verify(fixture: Fixture): Promise<void> {
  const {client, router, external} = fixture.network;
  const before = await traffic(router, external);
  const urls = `http://${fixture.address}/${TRIAL.bytes}?[1-${TRIAL.requests}]`;
  await client.run(['curl', '-sf', '-m', '10', '-o', '/dev/null', urls]);
  const after = await traffic(router, external);
  const requests = after.rxFrames - before.rxFrames >= TRIAL.requests;
  const answers = after.txBytes - before.txBytes >= TRIAL.requests * TRIAL.bytes;
  const passed = answers ? 'both' : requests ? 'requests' : 'nothing';
  if (passed !== fixture.setup.passes)
    throw new Error(
      `${fixture.setup.title}: ${passed} went through the router, not ${fixture.setup.passes}: not worth measuring`,
    );
}

export interface ServerOptions {
  /** Of the server's files, in bytes. */
  sizes?: readonly number[];
  setUp?: SetUp;
}

/** The network stays up if this fails; it is its owner's. */
export async function createFixture(
  setup: Setup,
  network: Network,
  {sizes = [], setUp}: ServerOptions,
): Promise<Fixture> {
  await setup.start(network);
  const command = setup.ours ? network.instance.bind(network) : (words: readonly string[]) => words;
  const server = await startServer(network, [...new Set([TRIAL.bytes, ...sizes])], command);
  const fixture = {setup, network, server, address: setup.address(network)};
  await ready(fixture);
  await verify(fixture);
  await setUp?.(fixture);
  return fixture;
}
