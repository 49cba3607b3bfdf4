// coscanet drain, undrain: taking nodes and endpoints out of service, and waiting until nobody uses them.

import {setTimeout as sleep} from 'node:timers/promises';
import {z} from 'zod';
import {UserError} from '../base/error.ts';
import {pathsIn} from '../base/paths.ts';
import {parseDuration} from '../protocol/duration.ts';
import {call} from '../api/client.ts';
import {resources} from '../api/resources.ts';
import {DEFAULT_DRAIN_SECONDS, drainViewSchema} from '../protocol/overrides.ts';
import type {DrainView} from '../protocol/overrides.ts';
import {act, addCommand, print, TARGET} from './command.ts';
import type {Options} from './command.ts';
import {whoAmI} from './who.ts';

const POLL_MS = 250;
const list = z.array(drainViewSchema);

interface DrainOptions extends Options {
  deadline: string;
  keepClients?: boolean;
  wait?: boolean;
  timeout?: string;
}

/** Said with the views, on stderr: what "drained" means where flows are not counted. */
const UNCOUNTED = 'flows are not counted by this router: drained means that the deadline has passed';

/** "60s" → 60. Throws a UserError that names the option. */
function secondsOf(option: string, text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== null) return seconds;
  throw new UserError(`${option}: "${text}" is not a duration: write 30, 30s or 2m`, 2);
}

/**
 * Asks until `targets` are drained. Throws a UserError when the time is over (infinite: never), or somebody undrains
 * one of them.
 */
async function waitUntilDrained(
  {runDir}: Options,
  targets: readonly string[],
  seconds: number,
): Promise<DrainView[]> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const views = await call(pathsIn(runDir).socket, 'GET', '/v1/drain', list);
    const awaited = views.filter((view) => targets.includes(view.target));
    const gone = targets.find((target) => !awaited.some((view) => view.target === target));
    if (gone !== undefined) throw new UserError(`${gone} was undrained meanwhile`);
    const busy = awaited.filter((view) => view.state !== 'drained');
    if (busy.length === 0) return awaited;
    if (performance.now() >= end)
      throw new UserError(
        `not drained in time: ${busy.map((view) => `${view.target} (${view.flows ?? 'uncounted'} flows)`).join(', ')}`,
      );
    await sleep(POLL_MS);
  }
}

async function drain(target: string | undefined, options: DrainOptions): Promise<void> {
  const {runDir, keepClients, wait, timeout} = options;
  const seconds = timeout === undefined ? Infinity : secondsOf('--timeout', timeout);
  const deadlineSeconds = secondsOf('--deadline', options.deadline);
  if (timeout !== undefined && !wait) throw new UserError('--timeout is for --wait', 2);
  const socket = pathsIn(runDir).socket;
  const body = {target, deadlineSeconds, keepClients: keepClients ?? false, by: whoAmI()};
  const views =
    target === undefined
      ? await call(socket, 'GET', '/v1/drain', list)
      : [await call(socket, 'POST', '/v1/drain', drainViewSchema, body)];
  const targets = views.map((view) => view.target);
  if (wait && views.some((view) => view.flows === undefined))
    process.stderr.write(`coscanet: ${UNCOUNTED}\n`);
  print(options, wait ? await waitUntilDrained(options, targets, seconds) : views, resources.drain);
}

export function addDrainCommands(): void {
  addCommand('drain')
    .argument('[target]', TARGET)
    .option(
      '--deadline <duration>',
      'when UDP flows, handshakes and kept clients move; TCP connections stay until they end',
      `${DEFAULT_DRAIN_SECONDS}s`,
    )
    .option('--keep-clients', 'clients with an affinity come back until the deadline')
    .option('--wait', 'until no flow is left (without target: for all that is being drained)')
    .option('--timeout <duration>', 'wait at most so long, else end with status 1')
    .action(drain);
  addCommand('undrain')
    .argument('<target>', TARGET)
    .action((target: string, options: Options) => act(options, 'undrain', {target, by: whoAmI()}));
}
